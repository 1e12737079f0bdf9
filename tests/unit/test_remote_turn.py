"""remote/turn.py: what a cut off run left at work is waited for, for a while, and named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import facts
from facts import program
from remote import turn


def test_the_turn_is_taken_once_and_freed_with_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    holder = turn.take_turn("packages", path, wait=0)
    assert holder is not None
    assert not os.get_inheritable(holder)  # an apt must not hold it for a program that is gone
    with pytest.raises(OSError, match=rf"still at work.*packages \(pid {os.getpid()}\).*fix:"):
        turn.take_turn("tree", path, wait=0)
    os.close(holder)
    descriptor = turn.take_turn("tree", path, wait=0)
    assert descriptor is not None
    os.close(descriptor)


def test_a_holder_that_ends_is_followed_by_who_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    text = facts.source("turn") + (
        "import sys\nkeep = take_turn('first', sys.argv[1])\n"
        "print('held', flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", text, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(OSError, match="first"):
            turn.take_turn("second", path, wait=0)
        other.kill()
    descriptor = turn.take_turn("second", path, wait=5)
    assert descriptor is not None
    os.close(descriptor)


@pytest.mark.parametrize(
    ("module", "function", "waits"),
    [
        *(("tree", "apply", True), ("packages", "apply", True), ("survey", "check", True)),
        *(("tree", "check", False), ("preflight", "check", False)),
    ],
)
def test_what_changes_the_host_or_decides_on_it_waits(
    module: str, function: str, waits: bool
) -> None:
    text = "\n".join(program(module, function, {}))
    assert (f'take_turn("{module}")' in text) == waits
    compile(text, module, "exec")
