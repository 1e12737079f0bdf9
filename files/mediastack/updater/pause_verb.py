"""`pause-updates [--hours N | --off]`: no update begins by itself until then."""

from __future__ import annotations

import argparse

from mediastack import ledger
from mediastack.updater import pauses

HOUR_SECONDS = 3600.0
LONGEST_HOURS = 24 * 366


def main(arguments: list[str]) -> int:
    """Keep updates from beginning by themselves, or let them begin again. Raise OSError."""
    parser = argparse.ArgumentParser(prog="mediastack pause-updates", description=main.__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--hours", type=float, metavar="N", help="for so long (default: until --off)")
    how.add_argument("--off", action="store_true", help="end the pause")
    options = parser.parse_args(arguments)
    if options.hours is not None and not 0 < options.hours <= LONGEST_HOURS:
        parser.error(f"--hours: {options.hours:g} is not between 0 and {LONGEST_HOURS}")
    if options.off:
        ended = pauses.end()
        if ended:
            ledger.append("cli", "updates", "updates go on", cause="asked for")
        print("updates go on" if ended else "updates were not paused")
        return 0
    seconds = None if options.hours is None else options.hours * HOUR_SECONDS
    pauses.begin(seconds)
    ledger.append("cli", "updates", "updates paused", cause="asked for")
    print(pauses.line())
    return 0
