"""Command line of the checks: `scripts/check NAME [--seed N] [--full] [--break [WHICH]]`.

Exit 0: every promise held. 1: one did not (with --break: the planted fault was noticed, as it must
be), or the check could not be made. 2: wrong usage. Progress goes to stderr; the last line of
stdout is the report.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import sys
from types import FrameType
from typing import cast

import checks
from checks import framework
from checks.framework import Check, Context
from sandbox.progress import say

FIRST = "first"


def find() -> dict[str, Check]:
    """Every check of this package by its name."""
    found = {}
    for module in pkgutil.iter_modules(checks.__path__):
        if module.name.startswith("_") or module.ispkg:
            continue
        loaded = importlib.import_module(f"checks.{module.name}")
        if hasattr(loaded, "CASES"):
            found[loaded.NAME] = cast(Check, loaded)
    return dict(sorted(found.items()))


def main(arguments: list[str], known: dict[str, Check] | None = None) -> int:
    """Run one check; return its exit code."""
    known = find() if known is None else known
    options = _parser().parse_args(arguments)
    if options.list:
        for name, check in known.items():
            print(f"{name:12} {check.BUDGET_SECONDS:4.0f} s  {', '.join(check.CASES)}")
        return 0
    if options.name not in known:
        given = f"unknown check {options.name}" if options.name else "name a check"
        print(f"scripts/check: {given}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    check = known[options.name]
    if options.broken == "list":
        for name, broken in check.BREAKS.items():
            print(f"{name:20} {broken.case:12} {broken.summary}")
        return 0
    chosen = next(iter(check.BREAKS)) if options.broken == FIRST else options.broken
    if chosen and chosen not in check.BREAKS:
        there = ", ".join(check.BREAKS)
        print(
            f"scripts/check: {check.NAME} has no break {chosen}; it has: {there}", file=sys.stderr
        )
        return 2
    context = Context(
        name=check.NAME,
        seed=options.seed,
        full=options.full,
        break_name=chosen,
        box_name=options.box,
    )
    report = framework.run(check, context)
    if chosen and not report["violations"] and not report.get("error"):
        say(f"{check.NAME}: the planted fault {chosen} was NOT noticed")
    print(framework.line(report), flush=True)
    return 0 if report["ok"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/check", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="which check")
    parser.add_argument("--list", action="store_true", help="list the checks, budgets and cases")
    parser.add_argument("--seed", type=int, default=0, help="seed of its choices (default: 0)")
    parser.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument(
        "--break",
        dest="broken",
        nargs="?",
        default="",
        const=FIRST,
        metavar="WHICH",
        help="plant a fault (default: the first; `list` names them), which must make it fail",
    )
    parser.add_argument("--box", default="box", help="name of the box (default: box)")
    return parser


def _as_exit(number: int, _frame: FrameType | None) -> None:
    """An end by signal still undoes what was planted."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _as_exit)
    sys.exit(main(sys.argv[1:]))
