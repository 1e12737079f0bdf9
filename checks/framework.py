"""What all checks share: the tally of a run, planted faults, and one JSON line at the end.

A check runs its cases one after another; with a break only the case that must notice it. A break is
a context manager: it damages the thing under test when the case says that now is the moment
(`context.planted()`), and undoes the damage whatever happens. A break that was never planted is an
error of the check, not a pass. After a run `settle` brings the box back to a good state.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.command import SandboxError
from sandbox.progress import say

SHOWN_VIOLATIONS = 20
# With a planted fault the wait is for something that will not happen: no need to wait long.
PATIENCE_WITH_FAULT_SECONDS = 12.0


class CheckError(Exception):
    """The check could not look, or its ground is missing; the message says what and how to mend."""


@dataclass
class Context:
    """One run of one check: how it was asked for, and what it found so far."""

    name: str
    seed: int = 0
    full: bool = False
    break_name: str = ""
    box_name: str = "box"
    plant: Callable[[Context], AbstractContextManager[None]] | None = None
    box: Any = None
    fault_sources: Any = None
    box_baseline: Any = None
    resources: ExitStack = field(default_factory=ExitStack)
    cases: int = 0
    faults: int = 0
    positive_controls: int = 0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - choices of a test, not secrets

    def violation(self, text: str) -> None:
        """Note one broken promise."""
        self.violations.append(text)
        say(f"  VIOLATION {text}")

    def control(self, what: str, seen: bool) -> None:
        """Note a positive control: something known to be there, which the check must have seen."""
        self.positive_controls += 1
        if not seen:
            raise CheckError(f"{self.name} is blind: it did not see {what}")

    def figure(self, name: str, value: Any) -> None:
        """Note a figure for the report; seconds are rounded to milliseconds."""
        self.figures[name] = round(value, 3) if isinstance(value, float) else value
        say(f"  {name}: {self.figures[name]}")

    def patience(self, seconds: float) -> float:
        """How long to wait for something that should happen within `seconds`."""
        return min(seconds, PATIENCE_WITH_FAULT_SECONDS) if self.break_name else seconds

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """Plant the chosen fault here, if there is one, and undo it at the end."""
        if self.plant is None:
            yield
            return
        self.faults += 1
        say(f"  planting {self.break_name}")
        with self.plant(self):
            yield


Case = Callable[[Context], None]


@dataclass(frozen=True)
class Break:
    """A fault: the case that must notice it, and how it is planted (and undone)."""

    case: str
    plant: Callable[[Context], AbstractContextManager[None]]

    @property
    def summary(self) -> str:
        """The first line of the planting function's docstring."""
        return (self.plant.__doc__ or "").strip().split("\n")[0]


class Check(Protocol):
    """What a check module has."""

    NAME: str
    BUDGET_SECONDS: float
    CASES: Mapping[str, Case]
    BREAKS: Mapping[str, Break]

    @staticmethod
    def prepare(context: Context) -> None:
        """Bring up what the cases stand on; set context.box."""

    @staticmethod
    def settle(context: Context) -> None:
        """Leave a good state behind, whatever happened."""


def run(check: Check, context: Context) -> dict[str, Any]:
    """Run `check` and return its report (the JSON line); raise nothing but an interrupt."""
    started = time.monotonic()
    error = ""
    cases = dict(check.CASES)
    if context.break_name:
        chosen = check.BREAKS[context.break_name]
        context.plant = chosen.plant
        cases = {chosen.case: cases[chosen.case]}
    try:
        try:
            check.prepare(context)
            measured = time.monotonic()
            for name, case in cases.items():
                say(f"{context.name}: {name}")
                context.cases += 1
                case(context)
            context.figures["seconds_prepared"] = round(measured - started, 1)
            if context.break_name and not context.faults:
                raise CheckError(f"the fault {context.break_name} was never planted")
        finally:
            settling = time.monotonic()
            check.settle(context)
            context.figures["seconds_settling"] = round(time.monotonic() - settling, 1)
    except (CheckError, SandboxError) as found:
        error = str(found)
        say(f"{context.name}: {error}")
    except Exception as found:
        error = f"{type(found).__name__}: {found}"
        traceback.print_exc()
    report = {
        "name": context.name,
        "ok": not context.violations and not error,
        "seed": context.seed,
        "cases": context.cases,
        "faults": context.faults,
        "violations": len(context.violations),
        "positive_controls": context.positive_controls,
        "seconds": round(time.monotonic() - started, 1),
        "figures": context.figures,
    }
    if context.break_name:
        report["break"] = context.break_name
    if context.violations:
        report["found"] = context.violations[:SHOWN_VIOLATIONS]
    if error:
        report["error"] = error
    return report


def line(report: Mapping[str, Any]) -> str:
    """The report as the one line a program reads."""
    return json.dumps(report, ensure_ascii=False)
