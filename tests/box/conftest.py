"""Fixtures of the box tests: the stand-in images, one to start, and the deployed box."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import house
import pytest
from standin_house import RUN, Start, docker
from xdist.scheduler.loadscope import LoadScopeScheduling

from checks import box
from checks.__main__ import find
from checks.box import Host
from sandbox import images, lifecycle, names

# By their names: marks for `--dist loadgroup` are not seen under the present pytest.
ELSEWHERE = tuple(
    f"[{name}]"
    for name, check in find().items()
    if getattr(check, "ELSEWHERE", False) or getattr(check, "ANY_BOX", False)
)


class Lanes(LoadScopeScheduling):
    """Two lanes: all that shares the deployed box, one by one, and what needs nothing of it or is
    content with a second one."""

    def _split_scope(self, nodeid: str) -> str:
        return "elsewhere" if nodeid.endswith(ELSEWHERE) else "box"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """Called where the tests run in several processes (scripts/test)."""
    return Lanes(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A run of forty minutes says at once what has failed."""
    if report.failed:
        print(f"\n{report.nodeid} failed:\n{report.longreprtext}", file=sys.stderr, flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each check printed at its end: the figures of this run."""
    reports = [one for several in terminalreporter.stats.values() for one in several]
    closing = [
        text
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "closing"
    ]
    if closing:
        terminalreporter.section("closing lines of the checks")
        for line in closing:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def references() -> dict[str, str]:
    """Stand-in key -> its image on the outer engine."""
    lifecycle.ensure_images(assume_yes=True)
    return {key: f"{names.PUSH_REGISTRY}/{name}" for name, key in images.wanted().items()}


@pytest.fixture
def start(references: dict[str, str]) -> Iterator[Start]:
    """Start a stand-in; every container a test started is removed at its end."""
    started: list[str] = []

    def run(key: str, *options: str, command: tuple[str, ...] = (), network: str = "none") -> str:
        name = f"mstest-{RUN}-{len(started)}-{key}"
        started.append(name)
        place = ("--name", name, "--network", network)
        docker("run", "--detach", *place, *options, references[key], *command)
        return name

    yield run
    if started:
        docker("rm", "--force", "--volumes", *started)


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """The box MEDIASTACK_BOX (default: the one of scripts/try), deployed from a frozen copy."""
    with box.opened(house.NAME) as found:
        box.ensure_deployed(found)
        yield found
