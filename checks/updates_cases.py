"""All simulated cases by name."""

from __future__ import annotations

from checks.updates_bad import BAD, IDENTICAL, TROUBLE
from checks.updates_case import Case
from checks.updates_good import GOOD

ALL: tuple[Case, ...] = (*BAD, IDENTICAL, *TROUBLE, *GOOD)
CASES_BY_NAME = {case.name: case for case in ALL}
