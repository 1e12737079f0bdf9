"""checks: the command line and the tally, tried on made-up checks; the report is what is read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from checks import __main__ as command_line
from checks.framework import Break, CheckError, Context


class World:
    """What a made-up check looks at: a lamp that should be on."""

    def __init__(self) -> None:
        self.lamp = True
        self.settled = 0
        self.looked = True
        self.interrupted = False


class LampCheck:
    """Promises that the lamp is on."""

    NAME = "lamp"
    BUDGET_SECONDS = 1.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.CASES = {"shines": self.shines, "other": self.other}
        self.BREAKS = {
            "switched-off": Break("shines", self.switched_off),
            "never-planted": Break("other", self.switched_off),
        }

    def prepare(self, context: Context) -> None:
        if self.world.interrupted:
            raise CheckError("there is no lamp; fix: buy one")

    def settle(self, context: Context) -> None:
        self.world.settled += 1

    def shines(self, context: Context) -> None:
        context.control("that there is a lamp", self.world.looked)
        with context.planted():
            if not self.world.lamp:
                context.violation("the lamp is off")
        context.figure("seconds", 1.23456)

    def other(self, context: Context) -> None:
        pass

    @contextlib.contextmanager
    def switched_off(self, context: Context) -> Iterator[None]:
        """The lamp is off.

        More about it.
        """
        self.world.lamp = False
        try:
            yield
        finally:
            self.world.lamp = True


def run(
    world: World, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    check: Any = LampCheck(world)
    code = command_line.main(["lamp", *arguments], {"lamp": check})
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_promise_that_holds_is_exit_0_and_one_json_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    code, report = run(world, capsys, "--seed", "7")
    seconds = report.pop("seconds")
    report["figures"] = {"seconds": report["figures"]["seconds"]}
    assert code == 0
    assert seconds < 5
    assert report == {
        "name": "lamp",
        "ok": True,
        "seed": 7,
        "cases": 2,
        "faults": 0,
        "violations": 0,
        "positive_controls": 1,
        "figures": {"seconds": 1.235},
    }


def test_a_broken_promise_is_exit_1_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.lamp = False
    code, report = run(world, capsys)
    assert (code, report["ok"], report["found"]) == (1, False, ["the lamp is off"])


@pytest.mark.parametrize("which", [(), ("switched-off",)])
def test_a_planted_fault_is_found_and_undone_and_only_its_case_runs(
    which: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    code, report = run(world, capsys, "--break", *which)
    assert code == 1
    assert (report["cases"], report["faults"], report["violations"]) == (1, 1, 1)
    assert report["break"] == "switched-off"
    assert (world.lamp, world.settled) == (True, 1)


def test_a_fault_that_was_never_planted_is_an_error_of_the_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, report = run(World(), capsys, "--break", "never-planted")
    assert (code, report["violations"]) == (1, 0)
    assert "never planted" in report["error"]


def test_a_check_that_does_not_see_what_is_there_is_blind_and_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    world.looked = False
    code, report = run(world, capsys)
    assert code == 1
    assert "blind" in report["error"]


def test_missing_ground_is_exit_1_with_the_fix_and_settles_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    world.interrupted = True
    code, report = run(world, capsys)
    assert (code, report["ok"], world.settled) == (1, False, 1)
    assert report["error"] == "there is no lamp; fix: buy one"


def test_breaks_are_listed_with_their_case_and_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    check: Any = LampCheck(World())
    assert command_line.main(["lamp", "--break", "list"], {"lamp": check}) == 0
    assert capsys.readouterr().out.splitlines()[0].split(maxsplit=2) == [
        "switched-off",
        "shines",
        "The lamp is off.",
    ]


@pytest.mark.parametrize("arguments", [[], ["lantern"], ["lamp", "--break", "stolen"]])
def test_wrong_usage_is_exit_2_and_names_what_there_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    check: Any = LampCheck(World())
    assert command_line.main(arguments, {"lamp": check}) == 2
    shown = capsys.readouterr().err
    assert "lamp" in shown


def test_every_check_of_the_package_has_faults_that_name_one_of_its_cases() -> None:
    found = command_line.find()
    assert {"idempotence", "recover", "mounts", "secrets"} <= found.keys()
    for check in found.values():
        assert check.BUDGET_SECONDS > 0
        assert len(check.BREAKS) >= 3
        assert {one.case for one in check.BREAKS.values()} <= check.CASES.keys()
        assert all(one.summary for one in check.BREAKS.values())
