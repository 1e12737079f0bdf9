"""`history`: what happened in this house, from the ledger, newest last.

One event a line for people (times in the house's zone, as the process sees it), the ledger's own
entries with --json. Nothing is summarised away: what an actor wrote down is what is shown.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from typing import Any

from mediastack import ledger

DEFAULT_COUNT = 20


def main(arguments: list[str]) -> int:
    """Verb `history [-n COUNT] [--subject NAME] [--json]`; exit 0 also when nothing is recorded."""
    parser = argparse.ArgumentParser(prog="mediastack history", description="Print the ledger.")
    parser.add_argument("-n", type=int, default=DEFAULT_COUNT, metavar="COUNT", dest="count")
    parser.add_argument("--subject", help="only what happened to this service, stack or file")
    parser.add_argument("--json", action="store_true", help="the entries as a JSON list")
    options = parser.parse_args(arguments)
    if options.count < 0:
        parser.error("-n: the count cannot be negative")
    try:
        entries = ledger.read(options.count, options.subject)
    except OSError as error:
        print(f"mediastack history: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(entries, indent=2))
    elif entries:
        print("\n".join(line(entry) for entry in entries))
    else:
        print("nothing recorded yet")
    return 0


def line(entry: dict[str, Any], zone: datetime.tzinfo | None = None) -> str:
    """Given a ledger entry, return it as one line; times in `zone` (None: the machine's)."""
    parts = [
        local_time(str(entry.get("time", "")), zone),
        f"{entry.get('actor', '?'):<9}",
        f"{entry.get('subject', '?'):<16}",
        str(entry.get("outcome", "?")),
    ]
    seconds = entry.get("duration_seconds") or 0
    if seconds:
        parts.append(f"({seconds:.1f} s)")
    if entry.get("cause"):
        parts.append(f"- {entry['cause']}")
    # One event stays one line, whatever an actor put into its cause.
    return " ".join(" ".join(parts).splitlines())


def local_time(stamp: str, zone: datetime.tzinfo | None = None) -> str:
    """Given an ISO time, return "2026-08-23 14:05:09" in `zone`; what is no time comes back."""
    try:
        # Python 3.10 does not read the Z.
        moment = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return stamp
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
