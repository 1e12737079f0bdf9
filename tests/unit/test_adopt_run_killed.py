"""adopt.run and verb, killed: the new state or the old one, wherever it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
from adopt_run_house import furnish, is_tidy, live, on_paper, proposals, secret, theirs
from test_adopt_copy import everything

from mediastack import atomic, journal, secrets
from mediastack.adopt import copy, keys, prove, run, verb
from mediastack.adopt import journal as adoptions
from mediastack.restore import swap


class Killed(BaseException):
    """SIGKILL, as far as a test can do it."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    return on_paper(config, monkeypatch)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return theirs(tmp_path)


# Everything that leaves a trace, in the modules where it is called.
TRACES: tuple[tuple[Any, str], ...] = (
    (copy, "make"),
    (adoptions, "write"),
    (adoptions, "forget"),
    (journal, "begin"),
    (swap, "bring"),
    (prove, "begin"),
    (prove, "unwell"),
    (atomic, "write"),
    (copy, "drop"),
)


def kill(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Die before or after the number-th trace; return what says how many there were."""
    counted = [0]

    def dying(function: Any) -> Any:
        def wrapped(*arguments: Any, **words: Any) -> Any:
            counted[0] += 1
            if counted[0] == number:
                raise Killed
            result = function(*arguments, **words)
            counted[0] += 1
            if counted[0] == number:
                raise Killed
            return result

        return wrapped

    for module, name in TRACES:
        monkeypatch.setattr(module, name, dying(getattr(module, name)))
    return lambda: counted[0]


def play(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> tuple[bool, bool]:
    """Adopt and die at one point, then end what was begun: (was it killed, is the new one live)."""
    found = proposals(config, docker, top, "sonarr")
    before, key = everything(live(config, "sonarr")), secret(config, "sonarr/api_key")
    killed = False
    with monkeypatch.context() as patch:
        kill(patch, number)
        try:
            verb.adopt(config, docker, found)
        except Killed:
            killed = True
        except BaseException as error:
            # Where the clearing up after the kill dies as well.
            killed = isinstance(error.__context__, Killed)
            assert killed, error
    # The next run, whatever it is asked for.
    verb.resume(config, docker)
    run.sweep(config)
    assert is_tidy(config)
    is_new = (live(config, "sonarr") / "new").exists()
    if is_new:
        assert house.rows(live(config, "sonarr") / "sonarr.db") == 5
        assert secret(config, "sonarr/api_key") == house.KEY == keys.present(config, "sonarr")
        assert secret(config, "unpackerr/sonarr_api_key") == house.KEY
    else:
        assert everything(live(config, "sonarr")) == before
        assert secret(config, "sonarr/api_key") == key
    assert secrets.check(config, {}) == []
    # Not one that its stop was ours is left standing.
    assert docker.states["sonarr"] == "running" or "sonarr" in journal.entries()
    return killed, is_new


@pytest.mark.parametrize("number", range(1, 90))
def test_killed_anywhere_it_is_the_old_or_the_new_state(
    config: dict[str, Any],
    docker: Any,
    top: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    theirs = everything(top)
    play(config, docker, top, monkeypatch, number)
    assert everything(top) == theirs


@pytest.mark.parametrize("number", range(1, 60, 2))
def test_killed_on_the_way_back_it_is_the_old_state(
    config: dict[str, Any],
    docker: Any,
    top: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    docker.sick["sonarr"] = "health: unhealthy"
    _, is_new = play(config, docker, top, monkeypatch, number)
    assert not is_new


def test_the_points_of_the_kills_are_all_there_are(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proposals(config, docker, top, "sonarr")
    with monkeypatch.context() as patch:
        counted = kill(patch, -1)
        verb.adopt(config, docker, found)
    assert 30 < counted() < 90
