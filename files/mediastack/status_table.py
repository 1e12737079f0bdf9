"""The report of `status` as a table for a person: stacks as headings, the verdict last.

Colour repeats what the words say and is left out when nobody would see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import history

COLUMNS = ("service", "zone", "state", "health", "namespace", "image", "url", "intent")
BOLD, GREEN, RED, DIM, RESET = "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def lines(found: Mapping[str, Any], *, colour: bool) -> list[str]:
    """Return the report as lines for a person, grouped by stack, the verdict last."""

    def painted(text: str, code: str) -> str:
        return f"{code}{text}{RESET}" if colour else text

    cells = [[str(entry[name]) or "-" for name in COLUMNS] for entry in found["services"]]
    for entry, line in zip(found["services"], cells, strict=True):
        line[COLUMNS.index("image")] = short_image(entry["image"])
    widths = [
        max(len(line[index]) for line in [list(COLUMNS), *cells]) for index in range(len(COLUMNS))
    ]

    def aligned(line: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        return "  ".join(padded).rstrip()

    text = [painted(aligned([name.upper() for name in COLUMNS]), BOLD)]
    stack = None
    for entry, line in zip(found["services"], cells, strict=True):
        if entry["stack"] != stack:
            stack = entry["stack"]
            text.append(painted(f"-- {stack}", BOLD))
        code = RED if entry["reasons"] else DIM if entry["intent"] == "stopped" else GREEN
        text.append(painted(aligned(line), code))
    text.append("")
    text += [found["port"]] if found["port"] else []
    text += [painted(found["monitor"], RED)] if found["monitor"] else []
    text += [found["updates"]] if found["updates"] else []
    text += [painted(found["downloads"], RED)] if found["downloads"] else []
    text += [found["backups"]] if found["backups"] else []
    text += [f"not wanted any more: {name}" for name in found["unwanted"]]
    if found["lock"] is not None:
        holder = found["lock"]
        text.append(
            f"at work: {holder.get('actor', 'somebody')} (pid {holder.get('pid', '?')}) "
            f"since {history.local_time(str(holder.get('since', '?')))}: "
            f"{holder.get('reason', '?')}"
        )
    text += [history.line(dict(entry)) for entry in found["ledger"]]
    text.append(painted(found["verdict"], RED if found["attention"] else GREEN))
    return text


def short_image(reference: str) -> str:
    """Return "sonarr:4.0.20" for "registry:5000/ghcr.io/linuxserver/sonarr:4.0.20@sha256:…"."""
    return reference.partition("@")[0].rpartition("/")[2]
