"""adopt.prove: started as far as it is wanted, and watched until it can be said how it does."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest

from mediastack import intent, journal, lock, stacks
from mediastack.adopt import prove
from mediastack.updater import gate, look


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return house.furnish(tmp_path, monkeypatch)


def seen(**changes: Any) -> gate.Seen:
    made = gate.Seen(known=True, present=True, right_image=True, status="running", life="one")
    return made._replace(**changes)


def judged(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *looks: gate.Seen
) -> tuple[str, int]:
    """What is said, and after how many looks; the last one is seen for ever."""
    coming = itertools.chain(looks, itertools.repeat(looks[-1]))
    count, clock = [0], itertools.count(1.0)

    def one_look(*_: Any) -> gate.Seen:
        count[0] += 1
        return next(coming)

    monkeypatch.setattr(look, "look", one_look)
    said = prove.unwell(
        config,
        object(),
        "sonarr",
        sleep=lambda _: None,
        now=lambda: next(clock),  # type: ignore[arg-type]
    )
    return said, count[0]


def test_healthy_once_is_well(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    journal.begin("adopt", "adopt", ["sonarr"])
    starting = seen(health="starting")
    assert judged(config, monkeypatch, starting, starting, seen(health="healthy")) == ("", 3)
    assert journal.entries() == {}


def test_healthy_by_dockers_word_alone_is_not_enough(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _ = judged(config, monkeypatch, seen(health="healthy", failing=True))
    assert said.startswith("its health check has failed after")


def test_without_a_health_check_it_has_to_run_for_a_while(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config["services"]["sonarr"]["health"] = False
    said, looks = judged(config, monkeypatch, seen(expects_health=False))
    assert said == "" and looks > prove.STABLE_SECONDS


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([seen(status="restarting", life=str(n), restarts=n, exit_code=3) for n in range(1, 6)],
         "it ends again and again (exit code 3)"),
        ([seen(status="exited", exit_code=1)], "it is exited (exit code 1)"),
        ([seen(health="unhealthy")], "health: unhealthy after 5 s"),
    ],
)  # fmt: skip
def test_what_can_only_get_worse_is_not_waited_for(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, looks: list[gate.Seen], words: str
) -> None:
    config["limits"]["health_wait_seconds"] = 5 if "unhealthy" in words else 600
    said, _ = judged(config, monkeypatch, *looks)
    assert words in said and not said.startswith("failed")


def test_a_migration_gets_the_time_that_it_has_after_an_update(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config["services"]["sonarr"]["update_deadline_seconds"] = 100
    starting = [seen(health="starting")] * 80
    assert judged(config, monkeypatch, *starting, seen(health="healthy")) == ("", 81)


def test_what_the_user_stops_needs_no_proof(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    intent.stop(["sonarr"], "tom")
    assert judged(config, monkeypatch, seen(status="exited")) == ("", 0)
    assert prove.begin(config, object(), "adopt", "sonarr") == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (stacks.Outcome([], {"sonarr": "no such image"}, [], []), "no such image"),
        (stacks.Outcome([], {}, [{"service": "sonarr", "reason": "gluetun"}], []), "it waits"),
        (stacks.Outcome([], {}, [{"service": "radarr", "reason": "gluetun"}], []), ""),
        (stacks.StackError("no network"), "no network"),
        (lock.Busy("stack.lock", {"actor": "deploy"}, 0.0), "held by deploy"),
    ],
)
def test_why_it_cannot_be_started_is_said(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, outcome: Any, words: str
) -> None:
    def apply(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(stacks, "apply", apply)
    said = prove.begin(config, object(), "adopt", "sonarr")  # type: ignore[arg-type]
    assert words in said and bool(said) == bool(words)
