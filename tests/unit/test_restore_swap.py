"""restore.swap: two trees change places, and one who was killed in the middle finds his way."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediastack import atomic
from mediastack.restore import swap


class Killed(BaseException):
    """The process ends here."""


def two(root: Path, *, live: bool = True) -> tuple[str, str]:
    for name in ("live", "staged") if live else ("staged",):
        (root / name).mkdir()
        (root / name / name).touch()
    return str(root / "live"), str(root / "staged")


def at(path: str) -> list[str]:
    return os.listdir(path) if os.path.isdir(path) else ["nothing"]


def test_two_names_change_what_they_name(tmp_path: Path) -> None:
    live, staged = two(tmp_path)
    swap.exchange(live, staged)
    assert (at(live), at(staged)) == (["staged"], ["live"])
    with pytest.raises(OSError) as error:
        swap.exchange(live, str(tmp_path / "absent"))
    assert error.value.errno == errno.ENOENT


def test_whether_a_file_system_can_exchange_is_tried_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swap.can_exchange(str(tmp_path))

    def refuse(*_: str) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(swap, "exchange", refuse)
    assert not swap.can_exchange(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_is_nowhere_is_not_guessed(tmp_path: Path) -> None:
    live, staged = two(tmp_path)
    with pytest.raises(swap.Lost):
        swap.bring(live, staged, 1)
    assert (at(live), at(staged)) == (["live"], ["staged"])


@given(st.booleans(), st.booleans(), st.booleans(), st.lists(st.integers(1, 6), max_size=4))
def test_there_and_back_through_kills(
    had: bool, atomically: bool, back: bool, kills: list[int]
) -> None:
    """Killed before or after any rename: in the end each tree is where it was to be, and by an
    exchange there is always one of them in place."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        live, staged = two(Path(directory), live=had)
        old, new = swap.identity(live), swap.identity(staged)
        counted = [0, -1]
        rename, exchange = os.rename, swap.exchange

        def line() -> None:
            counted[0] += 1
            if atomically and had:
                assert at(live) != ["nothing"]
            if counted[0] == counted[1]:
                raise Killed

        def step(act: Any, *arguments: str) -> None:
            line()
            act(*arguments)
            line()

        def changed(a: str, b: str) -> None:
            if not atomically:
                raise OSError(errno.ENOSYS, "unknown")
            step(exchange, a, b)

        patch.setattr(os, "rename", lambda *a: step(rename, *a))
        patch.setattr(swap, "exchange", changed)
        patch.setattr(atomic, "sync_directory", lambda _: None)
        for wanted in [new, old] if back else [new]:
            for kill in [*kills, -1]:
                counted[:] = [0, kill]
                with contextlib.suppress(Killed):
                    swap.bring(live, staged, wanted)
        place = (["live"] if had else ["nothing"]), ["staged"]
        assert (at(live), at(staged)) == (place if back else place[::-1])
        assert not os.path.lexists(staged + swap.ASIDE)
        shutil.rmtree(staged, ignore_errors=True)
