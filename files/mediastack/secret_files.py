"""Hands of mediastack.secrets: look at one path, put one path right, fill one template.

Nothing here exists with a wider mode than its final one: content goes in at 0600 or less, the
owner comes before the mode, and a mode that is too wide is narrowed before the owner changes.
Seeds land in directories that an app controls, so the way there is walked without following
symbolic links: root must not be led elsewhere by a link the app planted.
"""

from __future__ import annotations

import os
import re
import secrets as random
import stat
import string
from collections.abc import Callable

from mediastack import atomic

DIRECTORY_MODE = 0o700
PLACEHOLDER = re.compile(r"@@SECRET\b([^@\n]*)@@")
LOWER = string.ascii_lowercase + string.digits
LETTERS = string.ascii_letters + string.digits


class SecretError(Exception):
    """A secret cannot be made, read or filled in; the message names it and never its value."""


def generate(kind: str) -> str:
    """Return a new secret: hex32, hex64, token (ntfy's tk_ + 29), password (24) or opaque (43).

    Letters and digits only: whatever file or URL it lands in, it needs no quoting.
    """
    if kind in ("hex32", "hex64"):
        return random.token_hex(int(kind[3:]) // 2)
    if kind == "token":
        return "tk_" + "".join(random.choice(LOWER) for _ in range(29))
    if kind in ("password", "opaque"):
        length = 24 if kind == "password" else 43
        return "".join(random.choice(LETTERS) for _ in range(length))
    raise SecretError(f"unknown kind {kind!r}; there are hex32, token, password and opaque")


def content(path: str) -> bytes | None:
    """Return what the file holds, None when there is none. Raise SecretError for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(
            f"{path}: cannot be read as a plain file ({error.strerror}); remove it"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SecretError(f"{path}: is no plain file; remove it and apply again")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def attribute_problem(path: str, uid: int, gid: int, mode: int) -> str:
    """Return "", "wrong mode" or "wrong owner" of an existing path."""
    found = os.lstat(path)
    if stat.S_IMODE(found.st_mode) != mode:
        return "wrong mode"
    return "" if (found.st_uid, found.st_gid) == (uid, gid) else "wrong owner"


def mend_attributes(path: str, uid: int, gid: int, mode: int) -> None:
    """Give a path owner and mode in place: another inode would cut containers off from it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & mode)
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def make_directory(path: str) -> None:
    """Make a directory of secrets (0700, ours), its parents as ordinary ones."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    os.mkdir(path, 0o700)


def seed(path: str, data: bytes, *, mode: int, uid: int, gid: int, below: str) -> bool:
    """Write a file that is absent, with the directories it needs between `below` and itself.

    Directories that are made belong to uid:gid. Return False when a file appeared meanwhile; raise
    SecretError when a component of the way is a symbolic link or no directory.
    """
    parts = os.path.relpath(path, below).split(os.sep)
    if parts[0] == os.pardir:
        raise SecretError(f"{path}: a seed belongs below {below}")
    os.makedirs(below, mode=0o755, exist_ok=True)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(below, flags & ~os.O_NOFOLLOW)
    try:
        for part in parts[:-1]:
            try:
                os.mkdir(part, 0o755, dir_fd=descriptor)
                made = True
            except FileExistsError:
                made = False
            try:
                deeper = os.open(part, flags, dir_fd=descriptor)
            except OSError as error:
                raise SecretError(f"{path}: {part!r} on the way there is no directory") from error
            os.close(descriptor)
            descriptor = deeper
            if made:
                os.fchown(descriptor, uid, gid)
        target = f"/proc/self/fd/{descriptor}/{parts[-1]}"
        atomic.write(target, data, mode=mode, uid=uid, gid=gid, replace=False)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
    return True


def fill(template: str, value: Callable[[str, str], str], text: str | None = None) -> str:
    """Return the template's text with each placeholder replaced by value(name, filter).

    The text is read from the file `template` unless it is given.
    Raise SecretError when the template is unreadable or a placeholder is misspelt; `value` raises
    for secrets it does not know.
    """
    try:
        if text is None:
            with open(template, encoding="utf-8") as stream:
                text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{template}: cannot be read ({error}); run the deploy again") from error

    def replacement(match: re.Match[str]) -> str:
        words = match.group(1).split()
        if len(words) not in (1, 2):
            raise SecretError(
                f"{template}: {match.group(0)!r} is not @@SECRET service/name [filter]@@"
            )
        return value(words[0], words[1] if len(words) == 2 else "")

    # One pass: a value that looks like a placeholder stays what it is.
    filled, count = PLACEHOLDER.subn(replacement, text)
    if text.count("@@SECRET") != count:
        raise SecretError(f"{template}: a placeholder is not closed by @@ on its line")
    return filled
