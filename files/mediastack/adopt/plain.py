"""Files in directories that an app controls, read and replaced as root without being led elsewhere.

Every step of the way is taken without following a symbolic link: an app that plants one must not
get another file into our hands, nor have us write where it points.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from mediastack import atomic

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
LARGEST_BYTES = 4 * 1024**2


def is_there(top: str, relative: str) -> bool:
    """Say whether there is a plain file, with no symbolic link on the way from top."""
    try:
        with _directory(top, relative) as (directory, name):
            return stat.S_ISREG(os.lstat(name, dir_fd=directory).st_mode)
    except OSError:
        return False


def read(top: str, relative: str) -> str:
    """Return the text of a file below top. Raise OSError, UnicodeDecodeError."""
    with _directory(top, relative) as (directory, name):
        descriptor = os.open(name, FLAGS | os.O_NONBLOCK, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.path.join(top, relative))
        return content.decode("utf-8-sig")


def replace(top: str, relative: str, text: str) -> None:
    """Give a file below top this content; owner and mode stay. Raise OSError."""
    with _directory(top, relative) as (directory, name):
        before = os.lstat(name, dir_fd=directory)
        atomic.write(
            f"/proc/self/fd/{directory}/{name}",
            text.encode(),
            mode=stat.S_IMODE(before.st_mode) & 0o777,
            uid=before.st_uid,
            gid=before.st_gid,
        )


@contextlib.contextmanager
def _directory(top: str, relative: str) -> Iterator[tuple[int, str]]:
    """The opened directory of a file, and the file's name."""
    *parts, name = relative.split(os.sep)
    descriptor = os.open(top, FLAGS | os.O_DIRECTORY)
    try:
        for part in parts:
            deeper = os.open(part, FLAGS | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor, name
    finally:
        os.close(descriptor)
