"""Faults of an adoption that the check must find: programs that are a little wrong."""

from __future__ import annotations

from contextlib import AbstractContextManager

from checks import ground
from checks.framework import Context


def _edit(context: Context, file: str, *passages: str) -> AbstractContextManager[None]:
    return ground.edited(context, f"files/mediastack/adopt/{file}.py", *passages)


def databases_as_files(context: Context) -> AbstractContextManager[None]:
    """Databases are copied as the files they are, without what is in their logs."""
    return _edit(
        context, "database",
        "            return databases.copy(source, target)\n",
        "            source = _as_files(source, _made(scratch))\n"
        "            [os.unlink(source + end) for end in LOGS if os.path.exists(source + end)]\n"
        "            return databases.copy(source, target)\n",
        "def _words(", "def _made(path: str) -> str:\n    os.mkdir(path)\n    return path\n\n\n"
        "def _words(",
    )  # fmt: skip


def touches_theirs(context: Context) -> AbstractContextManager[None]:
    """The copy is made in their directory first."""
    return _edit(context, "database", 'scratch = f"{target}{SCRATCH}"',
                 'scratch = f"{source}{SCRATCH}"')  # fmt: skip


def keys_stay(context: Context) -> AbstractContextManager[None]:
    """The secrets of the house do not follow the key in the state."""
    return _edit(context, "keys", "content(path) != key.encode()", "False")


def owners_stay(context: Context) -> AbstractContextManager[None]:
    """Everything goes on to belong to their accounts."""
    return _edit(context, "copy", "    _own(target, int(", "    0 and _own(target, int(")


def password_stays(context: Context) -> AbstractContextManager[None]:
    """qBittorrent keeps their login and network."""
    return _edit(context, "tailor", "    return Tailored(changed, tuple(notes))",
                 "    return Tailored(text, tuple(notes))")  # fmt: skip


def takes_newer(context: Context) -> AbstractContextManager[None]:
    """What a newer version made is taken all the same."""
    return _edit(context, "newer", "    return numbers[0][:length] > numbers[1][:length]",
                 "    return False")  # fmt: skip


def not_compared(context: Context) -> AbstractContextManager[None]:
    """Nobody compares the copy with the original."""
    return _edit(context, "copy", "        if not wrong:\n", "        if True:\n")


def no_way_back(context: Context) -> AbstractContextManager[None]:
    """The new state stays, whatever the service makes of it."""
    return _edit(context, "run", '"out" if why and entry["old"] is not None else "keep"',
                 '"keep"')  # fmt: skip


def forgets(context: Context) -> AbstractContextManager[None]:
    """What a killed run has begun is forgotten instead of ended."""
    return _edit(context, "verb", "        why = run.finish(config, docker, service)\n",
                 "        journal.forget(service)\n        why = ''\n")  # fmt: skip
