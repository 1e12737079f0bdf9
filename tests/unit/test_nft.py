"""nft: its answers, its complaints in one line, and what to do when there is none."""

from __future__ import annotations

import errno
import subprocess
from typing import Any

import pytest

from mediastack import nft


def answer(monkeypatch: pytest.MonkeyPatch, code: int, out: str = "", err: str = "") -> list[Any]:
    asked: list[Any] = []

    def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, more["input"]))
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_table_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, 1, err="Error: No such file or directory\nlist table inet x\n")
    assert nft.listed("inet", "x") is None


def test_ruleset_goes_in_over_stdin_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, 0)
    nft.load({"nftables": []})
    assert asked == [(["nft", "-j", "-f", "-"], '{"nftables": []}')]


@pytest.mark.parametrize(
    ("code", "out", "err", "told"),
    [
        (1, "", "netlink: Error: cache initialization failed\nmore\n", "cache initialization"),
        (3, "", "", "exit code 3"),
        (0, "no", "", "not JSON"),
    ],
)
def test_complaint_is_one_line(
    monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str, told: str
) -> None:
    answer(monkeypatch, code, out, err)
    with pytest.raises(nft.NftError) as raised:
        nft.listed("inet", "x")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(), "run the deploy again"),
        (PermissionError(errno.EPERM, "no"), "cannot be run"),
        (subprocess.TimeoutExpired("nft", 10), "cannot be run"),
    ],
)
def test_nft_that_cannot_be_run_is_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(nft.NftError, match=told):
        nft.load({})


class Heard:
    """A socket with this to say."""

    def __init__(self, *several: bytes | OSError) -> None:
        self.several = list(several)

    def recv(self, _: int) -> bytes:
        if not self.several:
            raise BlockingIOError
        one = self.several.pop(0)
        if isinstance(one, OSError):
            raise one
        return one


def test_more_changes_than_the_kernel_could_keep_are_changes_too() -> None:
    heard = Heard(b"x", OSError(errno.ENOBUFS, "full"), b"y")
    assert nft.drain(heard, "ours")  # type: ignore[arg-type]
    assert heard.several == []
    broken = Heard(OSError(errno.EIO, "broken"), b"y")
    assert nft.drain(broken, "ours")  # type: ignore[arg-type]
    assert broken.several == [b"y"]


def test_change_of_another_table_is_not_one_of_ours() -> None:
    theirs = Heard(b"\0filter\0", b"\0ours_not\0")
    assert not nft.drain(theirs, "ours")  # type: ignore[arg-type]
    assert nft.drain(Heard(b"\0filter\0", b"\0ours\0\1"), "ours")  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [b"", b"\0" * 40, OSError(errno.EPERM, "no"), TimeoutError()])
def test_kernel_that_gives_its_rulesets_no_number(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | OSError
) -> None:
    class Asked:
        def __enter__(self) -> Asked:
            return self

        def __exit__(self, *_: object) -> None: ...

        def settimeout(self, _: float) -> None: ...

        def sendto(self, *_: Any) -> None: ...

        def recv(self, _: int) -> bytes:
            if isinstance(answer, bytes):
                return answer
            raise answer

    monkeypatch.setattr(nft.socket, "socket", lambda *_: Asked())
    assert nft.generation() is None


def test_kernel_without_netlink_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "no")

    monkeypatch.setattr(nft.socket, "socket", refused)
    assert nft.changes() is None
