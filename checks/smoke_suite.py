"""The smoke suite as a function: what its own tests say of a box, read over one kept connection.

MEDIASTACK_BOX has to be set before a Suite is made: the inventory is read when it is imported.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from checks.faults import Failure
from checks.framework import CheckError, Context
from tests.smoke import expect_containers
from tests.smoke.subjects import SUBJECTS

TESTS = (
    *("test_container_networks", "test_host_secrets", "test_host_system"),
    *("test_managed_files", "test_running_containers", "test_traffic", "test_second_wall"),
    "test_backups",
)


class Suite:
    """The smoke suite over one kept connection."""

    def __init__(self, context: Context) -> None:
        self.targets = importlib.import_module("tests.smoke.targets")
        (name,) = self.targets.names()
        self.settings = self.targets.host_settings.of(dict(self.targets.inventory.hosts)[name])
        self.host = self.targets.connect(name)
        self.expected, _ = self.targets.look(self.host, self.settings)

    def failures(self) -> dict[Failure, list[str]]:
        """Read the box; {(check, subject): what it complains of}. Raise CheckError."""
        try:
            expected, observed = self.targets.look(self.host, self.settings)
        except self.targets.Unreadable as error:
            raise CheckError(str(error)) from error
        return judge(expected, observed)


def judge(expected: Any, observed: dict[str, Any]) -> dict[Failure, list[str]]:
    """What the suite's tests say, each run as pytest would run it."""
    found: dict[Failure, list[str]] = {}

    def agree(check: Callable[..., Any], *subject: str) -> None:
        name = f"{check.__module__.rpartition('.expect_')[2]}.{check.__name__}"
        key = (name, subject[0] if subject else "")
        if subject and expect_containers.stopped_by(expected, observed, subject[0]):
            return
        found[key] = list(check(expected, observed, *subject))

    for module in TESTS:
        for name, test in vars(importlib.import_module(f"tests.smoke.{module}")).items():
            if name.startswith("test_"):
                wanted = next((s for s in inspect.signature(test).parameters if s in SUBJECTS), "")
                for one in SUBJECTS[wanted](expected) if wanted else [None]:
                    test(agree, *([one] if wanted else []))
    return found


def complaints(found: dict[Failure, list[str]]) -> set[Failure]:
    """The checks that failed."""
    return {key for key, problems in found.items() if problems}
