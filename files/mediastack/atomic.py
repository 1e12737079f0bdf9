"""Files that are either the old one or the new one, also after a power cut.

A new file is made beside its destination with O_EXCL and mode 0600, filled, flushed, given its
owner, then its mode, and renamed over: no reader ever sees half of it, and no secret is readable
by others for an instant. A killed writer leaves a `.name.PID-START.….tmp`; the next writer of the
same file sweeps those of dead processes away (a number that is used again, as after a boot, started
at another time). `exclusive` serialises read-modify-write of one file
between processes; the kernel frees it when its holder dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any


def write(
    path: str,
    data: bytes,
    *,
    mode: int = 0o644,
    uid: int | None = None,
    gid: int | None = None,
    replace: bool = True,
) -> None:
    """Replace `path` by a file with this content, mode and owner (None: as created).

    With replace=False raise FileExistsError when there is one already, whoever made it.
    Raise OSError; the old file is then untouched and nothing is left behind.
    """
    directory, name = os.path.split(os.path.abspath(path))
    _sweep(directory, name)
    temporary = f"{directory}/.{name}.{_process(os.getpid())}.{threading.get_ident()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            # Owner first: chown clears set-id bits, and a wide mode must not meet the old owner.
            if uid is not None or gid is not None:
                os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if replace:
            os.replace(temporary, path)
        else:
            # link() refuses an existing name, rename() does not.
            os.link(temporary, path)
            os.unlink(temporary)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(directory)


def read_json(path: str, default: Any) -> Any:
    """Return the JSON in `path`, or `default` when there is none.

    A damaged file (not JSON, or not of the default's type) is reported on stderr and counts as
    absent: these files are only ever renamed into place, so damage means a broken disk, and a
    daemon that refuses to start would not mend that.
    """
    try:
        with open(path, "rb") as stream:
            value = json.loads(stream.read())
    except FileNotFoundError:
        return default
    except ValueError as error:
        print(f"mediastack: {path}: not JSON ({error}); treated as absent", file=sys.stderr)
        return default
    if default is not None and not isinstance(value, type(default)):
        expected = type(default).__name__
        print(f"mediastack: {path}: holds no {expected}; treated as absent", file=sys.stderr)
        return default
    return value


def write_json(
    path: str, value: Any, *, mode: int = 0o644, uid: int | None = None, gid: int | None = None
) -> None:
    """Replace `path` by `value` as readable JSON. Raise OSError as `write` does."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    write(path, text.encode(), mode=mode, uid=uid, gid=gid)


def sync_directory(directory: str) -> None:
    """Make the names in `directory` (not the contents) survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(path: str) -> Iterator[None]:
    """Hold `path`.lock while a file is read, changed and written back; its directory is made."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o755, exist_ok=True)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _process(pid: int) -> str:
    """A process as no other one is called: number and start; "" when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return f"{pid}-{stream.read().rpartition(b')')[2].split()[19].decode()}"
    except OSError:
        return ""


def _sweep(directory: str, name: str) -> None:
    for leftover in glob.glob(f"{glob.escape(directory)}/.{glob.escape(name)}.*.*.tmp"):
        writer = leftover.rsplit(".", 3)[1]
        pid = writer.partition("-")[0]
        if pid.isdigit() and writer != _process(int(pid)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover)
