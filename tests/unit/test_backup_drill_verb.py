"""backup.drill_verb: which names it takes, and what it hands on of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drill_house import House, furnish

from mediastack.backup import drill, drill_verb


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("words", "said"), [(["--target", "moon"], "local"), (["--service", "x"], "sonarr")]
)
def test_an_unknown_name_is_refused_with_those_there_are(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(drill_verb.configuration, "load", lambda: house.config)
    assert drill_verb.main(words) == 2
    assert said in capsys.readouterr().err


def test_the_verb_hands_on_what_was_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(drill_verb.configuration, "load", lambda: house.config)
    monkeypatch.setattr(drill, "run", lambda *words: given.append(words[2:]) or 0)
    assert drill_verb.main([]) == 0
    assert drill_verb.main(["--target", "local", "--service", "sonarr"]) == 0
    assert given[0] == (None, [])
    assert (given[1][0].name, given[1][1]) == ("local", ["sonarr"])
