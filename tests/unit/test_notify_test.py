"""notify-test: what became of one message, with a pretended sender working on a real spool."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mediastack import notify, notify_test


class Clock:
    """Time that passes only by sleeping, and a sender that works meanwhile."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.now, self.work = 0.0, work

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.work()


def waiting(spool: Path) -> list[Path]:
    return sorted((spool / "new").glob("*.json"))


def attempt(spool: Path, work: Callable[[], None]) -> str:
    clock = Clock(work)
    return notify_test.attempt(str(spool), monotonic=clock.monotonic, sleep=clock.sleep)


def test_a_message_that_leaves_the_spool_was_delivered(tmp_path: Path) -> None:
    seen = []

    def deliver() -> None:
        for path in waiting(tmp_path):
            seen.append(json.loads(path.read_text())["title"])
            path.unlink()

    assert attempt(tmp_path, deliver) == "delivered"
    assert seen == ["Test from your media stack"]


def test_a_message_that_is_set_aside_was_refused(tmp_path: Path) -> None:
    def refuse() -> None:
        for path in waiting(tmp_path):
            os.rename(path, tmp_path / "failed" / path.name)

    assert attempt(tmp_path, refuse) == "refused"


def test_a_message_that_nobody_takes_is_waiting_and_stays(tmp_path: Path) -> None:
    assert attempt(tmp_path, lambda: None) == "waiting"
    assert len(waiting(tmp_path)) == 1


def test_messages_that_wait_already_do_not_count(tmp_path: Path) -> None:
    notify.send("other", "older", "text", spool=str(tmp_path))
    (older,) = waiting(tmp_path)

    def deliver_newest() -> None:
        waiting(tmp_path)[-1].unlink()

    assert attempt(tmp_path, deliver_newest) == "delivered"
    assert waiting(tmp_path) == [older]


def test_a_spool_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    assert attempt(tmp_path / "spool", lambda: None) == "not spooled"


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        ("delivered", 0, "delivered"),
        ("refused", 1, "refused it; journalctl"),
        ("waiting", 1, "not delivered within 30 s"),
        ("not spooled", 1, "could not be spooled"),
    ],
)
def test_the_verb_says_what_happened(
    outcome: str,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(notify_test, "attempt", lambda _: outcome)
    assert notify_test.main([]) == code
    captured = capsys.readouterr()
    assert words in (captured.out if code == 0 else captured.err)


def test_an_argument_is_wrong_usage() -> None:
    assert notify_test.main(["now"]) == 2
