"""A host in a directory: wanted trees, what is there, and an os module that dies or watches."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from remote import tree

Spec = dict[str, Any]
PATHS = ("a", "a/b", "a/b/c", "a/d", "e", "e/f", "g")
MODES = {"file": ("0400", "0600", "0644", "0755"), "directory": ("0700", "0750", "0755", "0775")}
MUTATING = (
    *("open", "mkdir", "rename", "fchown", "fchmod", "fsync", "symlink", "unlink", "rmdir"),
    "makedirs",
)
# Only root can give files away.
OWNERS = (0, 1234) if os.geteuid() == 0 else (os.geteuid(),)


def file(path: str, content: str = "content", **more: Any) -> Spec:
    return entry(path, "file", **{"mode": "0644", "text": content, **more})


def directory(path: str, **more: Any) -> Spec:
    return entry(path, "directory", **{"mode": "0755", **more})


def entry(path: str, kind: str, mode: str, text: str = "", **more: Any) -> Spec:
    made: Spec = {"path": path, "kind": kind, "mode": mode, "keep": False}
    made |= {"uid": os.geteuid(), "gid": os.getegid()}
    if kind == "file":
        made["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        made["content"] = base64.b64encode(text.encode()).decode()
    if kind == "link":
        made |= {"target": text or "nowhere", "mode": "0777"}
    return {**made, **more}


def spec(root: Path, *entries: Spec) -> Spec:
    """The wanted state below a root, with a record beside it."""
    placed = [{**one, "path": str(root / one["path"])} for one in entries]
    return {"record": str(root.parent / "state" / "managed.json"), "entries": placed}


def without_content(wanted: Spec) -> Spec:
    """What the operation sends for a check."""
    bare = [
        {key: value for key, value in one.items() if key != "content"} for one in wanted["entries"]
    ]
    return {**wanted, "entries": bare}


def snapshot(root: Path) -> dict[str, tuple[Any, ...]]:
    """What is there: kind, content or target, mode and owner of every path."""
    seen: dict[str, tuple[Any, ...]] = {}
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        content: bytes | str = b""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        mode = 0 if path.is_symlink() else stat.S_IMODE(found.st_mode)
        owner = (0, 0) if path.is_symlink() else (found.st_uid, found.st_gid)
        seen[str(path.relative_to(root))] = (stat.S_IFMT(found.st_mode), content, mode, owner)
    return seen


def expected(root: Path, wanted: Spec) -> dict[str, tuple[Any, ...]]:
    """The same, from the wanted state."""
    kinds = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}
    shown: dict[str, tuple[Any, ...]] = {}
    for one in wanted["entries"]:
        link = one["kind"] == "link"
        content = one["target"] if link else base64.b64decode(one.get("content", ""))
        mode = 0 if link else int(one["mode"], 8)
        owner = (0, 0) if link else (one["uid"], one["gid"])
        path = str(Path(one["path"]).relative_to(root))
        shown[path] = (kinds[one["kind"]], content, mode, owner)
    return shown


class Killed(BaseException):
    """SIGKILL: nothing that follows in the process happens."""


class WatchedOs:
    """The os module with every changing call counted: dead from the n-th on, or looked at."""

    def __init__(self, *, dies_at: int = 0, after: Callable[[], None] | None = None) -> None:
        self.calls, self.dies_at, self.after = 0, dies_at, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in MUTATING:
            return real

        def called(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.dies_at and self.calls >= self.dies_at:
                raise Killed
            result = real(*arguments, **named)
            if self.after:
                self.after()
            return result

        return called


@contextmanager
def through(watched: WatchedOs) -> Iterator[WatchedOs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "os", watched)
        yield watched


@contextmanager
def host() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        yield root
