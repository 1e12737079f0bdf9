"""survey: all open questions in one go, no answer older than a change, failures asked alone."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

import survey
from facts import Answer, HostProgram

CANARY = "canary-5c1f"


class Host:
    """Answers facts and writes down what was asked, and with what stdin."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.said: list[dict[str, Any]] | None = None

    def get_fact(self, kind: Any, *, _stdin: Any, **about: Any) -> Any:
        name = about.get("verb") or about["about"]
        self.asked.append((name, "\n".join(_stdin)))
        assert CANARY not in repr(_stdin) + str(about)
        assert kind is (HostProgram if "verb" in about else Answer)
        return self.said if name == "survey" else f"{name} alone"

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made, state = Host(), survey.Survey()
    monkeypatch.setattr(survey, "host", made)
    monkeypatch.setattr(survey, "of_host", lambda: state)
    monkeypatch.setattr(survey, "state", SimpleNamespace(is_executing=True))
    return made


def announced(*names: str) -> list[survey.Question]:
    return [survey.announce(survey.Question(name, {"key": CANARY})) for name in names]


def found(*answers: Any) -> list[dict[str, Any]]:
    return [{"found": answer} for answer in answers]


def test_the_first_question_brings_the_answers_of_all(host: Host) -> None:
    questions = announced("tree", "packages", "engine")
    host.said = found([], ["procps"], [])
    assert [survey.ask(one) for one in questions] == [[], ["procps"], []]
    assert host.names() == ["survey"]


def test_after_a_change_what_is_still_open_is_asked_anew(host: Host) -> None:
    first, second, third = announced("tree", "packages", "engine")
    host.said = found(["a"], ["old"], ["old"])
    assert survey.ask(first) == ["a"]
    survey.forget()
    host.said = found(["new"], ["newer"])
    assert survey.ask(second) == ["new"]
    survey.forget()
    # The last one alone needs no survey.
    assert survey.ask(third) == "engine alone"
    assert host.names() == ["survey", "survey", "engine"]


def test_a_check_that_failed_is_asked_alone_and_its_neighbours_are_not(host: Host) -> None:
    first, second, third = announced("tree", "packages", "engine")
    host.said = [{"found": []}, {"failed": "OSError"}, {"found": []}]
    assert survey.ask(first) == []
    assert survey.ask(second) == "packages alone"
    assert survey.ask(third) == []
    assert host.names() == ["survey", "packages"]


@pytest.mark.parametrize("said", [None, [], [{}]])
def test_a_survey_without_answers_leaves_each_to_ask_alone(host: Host, said: Any) -> None:
    questions = announced("tree", "packages")
    host.said = said
    assert [survey.ask(one) for one in questions] == ["tree alone", "packages alone"]


def test_while_preparing_each_asks_alone_and_stays_open(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = announced("tree", "packages")
    with monkeypatch.context() as preparing:
        preparing.setattr(survey, "state", SimpleNamespace(is_executing=False))
        assert [survey.ask(one) for one in questions] == ["tree alone", "packages alone"]
    host.said = found([], [])
    assert [survey.ask(one) for one in questions] == [[], []]
    assert host.names() == ["tree", "packages", "survey"]


def test_a_question_asked_twice_is_answered_by_the_host_as_it_is_now(host: Host) -> None:
    first, _ = announced("tree", "packages")
    host.said = found(["before"], [])
    assert survey.ask(first) == ["before"]
    assert survey.ask(first) == "tree alone"


def test_a_verb_of_the_host_programs_keeps_its_secrets_on_stdin(host: Host) -> None:
    verb = survey.announce(survey.Question("secrets-check", {"v": CANARY}, "/opt/bin/x"))
    (other,) = announced("tree")
    assert CANARY not in repr(verb)
    host.said = found([], [])
    survey.ask(verb)
    (_, stdin) = host.asked[0]
    assert CANARY in stdin
    assert verb.alone() == "secrets-check alone"
    assert other.spoken()["module"] == "tree"


def remote() -> dict[str, Any]:
    from facts import REMOTE

    names: dict[str, Any] = {}
    exec(compile((REMOTE / "survey.py").read_text(encoding="utf-8"), "survey", "exec"), names)  # noqa: S102
    return names


def question(source: str, **specification: Any) -> dict[str, Any]:
    return {"module": "m", "source": source, "specification": specification}


def test_on_the_host_every_question_is_answered_in_order_and_a_failure_is_its_own(
    tmp_path: Any,
) -> None:
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\n[ "$1" = observe ] || exit 1\ncat\n')
    program.chmod(0o755)
    verb = {"path": str(program), "verb": "observe --config -", "stdin": {"a": 1}}
    said = remote()["check"](
        {
            "questions": [
                question("def check(spec): return [spec['x']]", x=1),
                question("def check(spec): return open('/nonexistent')"),
                verb,
                {**verb, "verb": "other"},
                {**verb, "path": "/nonexistent"},
            ]
        }
    )
    assert said == [
        {"found": [1]},
        {"failed": "FileNotFoundError"},
        {"found": {"a": 1}},
        {"failed": "CalledProcessError"},
        {"found": None},
    ]
    assert json.dumps(said)


def test_on_the_host_no_program_sees_the_names_of_another() -> None:
    said = remote()["check"](
        {
            "questions": [
                question("value = 1\ndef check(spec): return value"),
                question("def check(spec): return 'value' in globals()"),
            ]
        }
    )
    assert said == [{"found": 1}, {"found": False}]
