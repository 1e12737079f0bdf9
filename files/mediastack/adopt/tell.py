"""An adoption in words: a table of what would come from where, and what changes with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediastack.adopt.house import Source
from mediastack.adopt.survey import Proposal

COLUMNS = ("service", "from", "size", "databases", "owner")
MOST_OWNERS = 2
UNIT = 1024.0


def table(config: Mapping[str, Any], proposals: Sequence[Proposal]) -> list[str]:
    """Return the lines of the dry run."""
    cells = [[*map(str.upper, COLUMNS)], *(_cells(config, one) for one in proposals)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in cells]  # fmt: skip
    found = lines[:1]
    for line, one in zip(lines[1:], proposals, strict=True):
        found.append(line)
        found += [f"  - {note}" for note in notes(config, one)]
    return found


def notes(config: Mapping[str, Any], proposal: Proposal) -> list[str]:
    """Return what else changes with a service."""
    service = proposal.source.service
    left = config["services"][service].get("state_exclude", ())
    found = list(proposal.notes)
    if proposal.replaced:
        found.append(f"takes the place of what {service} has here now: {amount(proposal.replaced)}")
    if left:
        found.append(f"stays behind, as it can be made anew: {', '.join(left)}")
    return found


def origin(source: Source) -> str:
    """Return where it comes from."""
    return f"{source.container.name}: {source.path}" if source.container else source.path


def amount(size: int) -> str:
    """Return a number of bytes as people write it."""
    number = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < UNIT or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= UNIT
    return ""


def _cells(config: Mapping[str, Any], proposal: Proposal) -> list[str]:
    source, size = proposal.source, proposal.size
    entry = config["services"][source.service]
    ours = f"{entry['uid']}:{entry['gid']}"
    owners = [f"{uid}:{gid}" for uid, gid in size.owners]
    shown = ", ".join(owners[:MOST_OWNERS]) + (", …" if len(owners) > MOST_OWNERS else "")
    return [
        source.service,
        origin(source),
        f"{amount(size.bytes)} in {size.files} files",
        ", ".join(name.rpartition("/")[2] for name in size.databases) or "-",
        ours if owners == [ours] else f"{shown} -> {ours}",
    ]
