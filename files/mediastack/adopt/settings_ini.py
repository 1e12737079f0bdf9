r"""qBittorrent.conf: Qt's INI. Sections, `Key\With\Parts=value`; lines that are not set stay."""

from __future__ import annotations

import re

Values = dict[tuple[str, str], str]


def read(text: str) -> Values:
    """Return {(section, key): value as it is spelled}."""
    found: Values = {}
    section = ""
    for line in _lines(text):
        if heading := re.fullmatch(r"\s*\[(.+)\]\s*", line):
            section = heading.group(1)
        elif "=" in line and not line.lstrip().startswith((";", "#")):
            key, _, value = line.partition("=")
            found[section, key.strip()] = value.strip()
    return found


def replaced(text: str, values: Values) -> str:
    """Return the text with these set, each in its section, which is made where there is none."""
    lines, done, section = [], set(), ""
    # Where a section ends, so that what it lacks can be added there.
    ends: dict[str, int] = {}
    for old in _lines(text):
        line = old
        if heading := re.fullmatch(r"\s*\[(.+)\]\s*", old):
            section = heading.group(1)
        elif "=" in line and (name := (section, line.partition("=")[0].strip())) in values:
            if name in done:
                continue
            line = f"{name[1]}={values[name]}"
            done.add(name)
        lines.append(line)
        if line.strip():
            ends[section] = len(lines)
    missing = [name for name in values if name not in done]
    for section in dict.fromkeys(name[0] for name in missing):
        added = [f"{key}={values[section, key]}" for part, key in missing if part == section]
        if section in ends:
            at = ends[section]
            lines[at:at] = added
            ends = {one: end + len(added) if end >= at else end for one, end in ends.items()}
        else:
            lines += ["", f"[{section}]", *added]
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(text: str) -> list[str]:
    """Its lines; splitlines would split at more than their ends."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")
