"""version: three lines, also when Docker has nothing to say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mediastack import config, version


def test_the_release_comes_first_then_docker_and_compose() -> None:
    def ask(command: Sequence[str]) -> str:
        return "2.26.1" if "compose" in command else "26.1.5"

    assert version.lines("0.1.0+abc", ask) == [
        "mediastack 0.1.0+abc",
        "docker 26.1.5",
        "docker compose 2.26.1",
    ]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("printf", "26.1.5\\nmore\\n"), "26.1.5"),
        (("false",), "not reachable"),
        (("true",), "not reachable"),
        (("/nowhere/docker", "version"), "not available"),
    ],
)
def test_an_answer_is_the_first_line_or_why_there_is_none(
    command: Sequence[str], expected: str
) -> None:
    assert version.answer(command) == expected


def test_a_docker_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "TIMEOUT_SECONDS", 0.1)
    assert version.answer(("sleep", "5")) == "not available"


def test_the_release_is_what_the_deploy_wrote(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(config, "load", lambda: {"release": "9.9"})
    monkeypatch.setattr(version, "answer", lambda _: "?")
    assert version.main([]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "mediastack 9.9"


def test_an_argument_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert version.main(["--json"]) == 2
    assert capsys.readouterr().out == ""
