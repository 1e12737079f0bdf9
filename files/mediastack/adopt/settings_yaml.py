"""config.yaml of Bazarr: sections with plain values below them, as it writes them itself.

Only lines of the form `section:` and `  key: value` are understood and set; everything else stays
as it is, letter by letter. (The host has no YAML library, and needs none for this.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

Name = tuple[str, str]
Value = str | int | bool
SECTION = re.compile(r"([A-Za-z_][\w-]*):\s*(#.*)?")
KEY = re.compile(r"( +)([A-Za-z_][\w-]*):(?:[ ]+(.*))?")


class Unreadable(Exception):
    """It is not what such a file looks like."""


def read(text: str) -> dict[Name, str]:
    """Return {(section, key): value}, quotes taken off. Raise Unreadable."""
    found: dict[Name, str] = {}
    for section, _, match in _lines(text):
        if match and section:
            found.setdefault((section, match.group(2)), _plain(match.group(3) or ""))
    if not found:
        raise Unreadable("has no settings of the form `section:` and `  key: value`")
    return found


def replaced(text: str, values: Mapping[Name, Value]) -> str:
    """Return the text with these set, each in its section, which is made where there is none.

    Raise Unreadable."""
    read(text)
    lines: list[str] = []
    ends: dict[str, tuple[int, str]] = {}
    done = set()
    for section, old, match in _lines(text):
        line = old
        if match and section and (name := (section, match.group(2))) in values:
            if name not in done:
                line = f"{match.group(1)}{name[1]}: {spelled(values[name])}"
            done.add(name)
        lines.append(line)
        if section and line.strip():
            indent = match.group(1) if match else ends.get(section, (0, "  "))[1]
            ends[section] = (len(lines), indent)
    missing = [name for name in values if name not in done]
    for section in dict.fromkeys(name[0] for name in missing):
        at, indent = ends.get(section, (len(lines), "  "))
        added = [] if section in ends else [f"{section}:"]
        added += [f"{indent}{key}: {spelled(values[part, key])}" for part, key in missing
                  if part == section]  # fmt: skip
        lines[at:at] = added
        ends = {one: (end + len(added) if end >= at else end, space)
                for one, (end, space) in ends.items()}  # fmt: skip
    return "\n".join(lines) + "\n"


def spelled(value: Value) -> str:
    """Return a value as YAML: numbers and truths bare, text in double quotes."""
    text = json.dumps(value, ensure_ascii=False)
    # Breaks of a line for YAML, and none for JSON.
    return re.sub("[\x85\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def plain(value: Value) -> str:
    """Return a value as `read` shows it."""
    return value if isinstance(value, str) else json.dumps(value)


def _lines(text: str) -> list[tuple[str, str, re.Match[str] | None]]:
    """(section, line, its match as a key of the section) of every line."""
    found: list[tuple[str, str, re.Match[str] | None]] = []
    section, indent = "", ""
    # Not splitlines, which splits at more than ends of lines.
    for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        heading = SECTION.fullmatch(line)
        match = KEY.fullmatch(line)
        if heading:
            section, indent = heading.group(1), ""
        elif line[:1] not in (" ", "#", "-", ""):
            section = ""
        elif match:
            # Deeper ones belong to a value of the section and not to itself.
            indent = indent or match.group(1)
            match = match if match.group(1) == indent else None
        found.append((section, line, None if heading else match))
    return found


def _plain(value: str) -> str:
    value = value.strip()
    if value[:1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    if value[:1] == "'" == value[-1:]:
        return value[1:-1].replace("''", "'")
    return "" if value in ("null", "~") else value
