"""remote/programs.py: a finished environment of this lock is linked, never a half-built one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import programs


class Killed(BaseException):
    pass


class Builder:
    """`python -m venv` and pip, without the wait; dead at the n-th step if told so."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.dies_at = 0

    def run(self, command: list[str], check: bool) -> None:
        assert check
        self.calls.append(command)
        if len(self.calls) == self.dies_at:
            raise Killed
        if command[1:3] == ["-m", "venv"]:
            (Path(command[3]) / "bin").mkdir(parents=True)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(programs, "subprocess", SimpleNamespace(run=made.run))
    return made


def spec(tmp_path: Path, lock_hash: str = "a" * 64) -> dict[str, Any]:
    return {
        "program": str(tmp_path),
        "wheels": str(tmp_path / "wheels"),
        "lock": str(tmp_path / "requirements.lock"),
        "lock_hash": lock_hash,
    }


def test_it_is_built_once_offline_and_with_hashes(tmp_path: Path, builder: Builder) -> None:
    wanted = spec(tmp_path)
    assert programs.check(wanted)
    programs.apply(wanted)
    install = builder.calls[1]
    assert {"--no-index", "--require-hashes"} <= set(install)
    assert (tmp_path / "venv" / "complete").is_file()
    assert programs.check(wanted) == []
    assert programs.apply(wanted) == []
    assert len(builder.calls) == 3


def test_another_lock_builds_another_and_removes_the_old_one(
    tmp_path: Path, builder: Builder
) -> None:
    programs.apply(spec(tmp_path))
    programs.apply(spec(tmp_path, "b" * 64))
    assert (tmp_path / "venv").resolve().name.startswith("venv-" + "b" * 12)
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("venv-")]) == 1


def test_another_python_builds_another(
    tmp_path: Path, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.apply(spec(tmp_path))
    monkeypatch.setattr(programs, "VERSION", "3.99")
    assert programs.check(spec(tmp_path))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_kill_while_building_leaves_the_old_one_linked(
    tmp_path: Path, builder: Builder, step: int
) -> None:
    programs.apply(spec(tmp_path))
    before = (tmp_path / "venv").resolve()
    builder.dies_at = len(builder.calls) + step
    with pytest.raises(Killed):
        programs.apply(spec(tmp_path, "b" * 64))
    assert (tmp_path / "venv").resolve() == before
    assert (before / "complete").is_file()
    programs.apply(spec(tmp_path, "b" * 64))
    assert programs.check(spec(tmp_path, "b" * 64)) == []


def test_a_link_of_a_killed_run_is_in_nobodys_way(tmp_path: Path, builder: Builder) -> None:
    (tmp_path / "venv.new").symlink_to("venv-of-a-killed-run")
    programs.apply(spec(tmp_path))
    assert programs.check(spec(tmp_path)) == []
    assert not (tmp_path / "venv.new").is_symlink()


def test_an_environment_that_was_never_finished_is_a_difference(
    tmp_path: Path, builder: Builder
) -> None:
    programs.apply(spec(tmp_path))
    (tmp_path / "venv" / "complete").unlink()
    assert programs.check(spec(tmp_path))
    programs.apply(spec(tmp_path))
    assert programs.check(spec(tmp_path)) == []


def test_all_of_it_is_on_the_disk_before_the_mark_says_so(
    tmp_path: Path, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked: list[bool] = []

    def run(command: list[str], check: bool) -> None:
        if command[0] == "sync":
            marked.append((Path(command[-1]) / "complete").exists())
        Builder.run(builder, command, check)

    monkeypatch.setattr(programs, "subprocess", SimpleNamespace(run=run))
    programs.apply(spec(tmp_path))
    assert marked == [False]


def test_what_a_run_killed_after_the_swap_left_is_a_difference(
    tmp_path: Path, builder: Builder
) -> None:
    programs.apply(spec(tmp_path))
    (tmp_path / "venv-of-before").mkdir()
    (tmp_path / "venv.new").symlink_to("venv-of-before")
    built = len(builder.calls)
    assert [Path(one["path"]).name for one in programs.check(spec(tmp_path))] == [
        "venv-of-before",
        "venv.new",
    ]
    programs.apply(spec(tmp_path))
    assert programs.check(spec(tmp_path)) == []
    assert len(builder.calls) == built  # nothing is built for that


def test_a_removal_that_is_killed_leaves_nothing_that_is_taken_for_finished(
    tmp_path: Path, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.apply(spec(tmp_path))
    (tmp_path / "venv").unlink()

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(programs.shutil, "rmtree", killed)
    with pytest.raises(Killed):
        programs.apply(spec(tmp_path))
    assert not list(tmp_path.glob("venv-*/complete"))
