"""Smoke checks of deployed hosts: `scripts/smoke`, against the hosts of inventory.py.

A test that takes `service`, `path`, … runs once per host and subject; `expected` and `observed` are
that host's. A host that cannot be read fails its first test and is said once, not 400 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.smoke.expect_containers import stopped_by
from tests.smoke.expected import Expected
from tests.smoke.subjects import SUBJECTS

try:
    from tests.smoke import targets
except SystemExit as error:  # the inventory's way to say what is wrong with hosts or settings
    raise pytest.UsageError(str(error)) from error

_unreadable: set[str] = set()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once per host, and per host's subject."""
    subject = next((name for name in SUBJECTS if name in metafunc.fixturenames), None)
    several = len(targets.names()) > 1
    cases = []
    for host in targets.names():
        prefix = [host] if several else []
        if subject is None:
            cases.append(pytest.param(host, id="-".join(prefix) or "host"))
            continue
        for one in SUBJECTS[subject](targets.outline(host)):
            cases.append(pytest.param(host, one, id="-".join([*prefix, one])))
    metafunc.parametrize(["target", subject] if subject else ["target"], cases, scope="session")


@pytest.fixture
def both(target: str) -> tuple[Expected, dict[str, Any]]:
    """The wanted and the real state of a host, read once."""
    if target in _unreadable:
        pytest.skip("the host could not be read")
    try:
        return targets.read(target)
    except targets.Unreadable as error:
        _unreadable.add(target)
        reason = str(error)
    pytest.fail(reason, pytrace=False)


@pytest.fixture
def expected(both: tuple[Expected, dict[str, Any]]) -> Expected:
    """What the host should be."""
    return both[0]


@pytest.fixture
def observed(both: tuple[Expected, dict[str, Any]]) -> dict[str, Any]:
    """What the host is."""
    return both[1]


@pytest.fixture
def agree(expected: Expected, observed: dict[str, Any]) -> Callable[..., None]:
    """Runs a check and fails with its problems, one a line and without a traceback."""

    def run(check: Callable[..., Iterable[str]], *subject: str) -> None:
        by = stopped_by(expected, observed, subject[0]) if subject else ""
        if by:
            pytest.skip(f"stopped by {by}")
        problems = list(check(expected, observed, *subject))
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)

    return run
