"""How a mistake in the settings is told: which file, which key, what is wrong, how to mend it.

Every check yields `Problem`s instead of raising, because a user who mends one error only to meet
the next gives up. Pydantic's messages speak to programmers, so they are put into our words here;
what a user typed is shown (shortened) except where it may be a secret: a key that should not be
there at all is named, its value never.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

SEE_DOCS = "see docs/settings.md"

# Old name -> new name; an empty new name: removed, and the text after "|" says why. Entries stay
# for good: somebody will update over many releases at once.
RENAMED: dict[str, str] = {
    "host.uid": "host.puid",
    "host.gid": "host.pgid",
    "host.tz": "host.timezone",
    "network.bind": "network.bind_address",
    "vpn.type": "|only WireGuard is supported",
    "vpn.wireguard_private_key": "|it is a secret: secrets.toml, [gluetun] wireguard_private_key",
}


class Problem(NamedTuple):
    """One mistake: dotted path of the key, what is wrong, how to mend it, and in which file."""

    path: str
    wrong: str
    fix: str = SEE_DOCS
    file: str = ""

    def line(self, default_file: str) -> str:
        """Return the one line the user reads."""
        place = f"{self.path}: " if self.path else ""
        text = f"{self.file or default_file}: {place}{self.wrong}; fix: {self.fix}"
        # A key or value may hold anything TOML can quote; the message stays one harmless line.
        return "".join(letter if letter.isprintable() else "?" for letter in text)


class SettingsError(Exception):
    """The settings cannot be used; `problems` holds one line for each mistake, never a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def shown(value: object) -> str:
    """Return a value the user typed, shortened, the way TOML spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like this one, or "" when none does."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def unknown(path: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key that does not exist: renamed, removed, or mistyped."""
    if path in RENAMED:
        new, _, why = RENAMED[path].partition("|")
        if new:
            return Problem(path, f"was renamed to {new}", f"write {new} instead")
        return Problem(path, f"was removed: {why}", "delete the line")
    head, _, key = path.rpartition(".")
    names = sorted(known)
    guess = nearest(key, names)
    if guess:
        return Problem(path, "is no setting", f"did you mean {head}{'.' if head else ''}{guess}?")
    if not names:
        return Problem(path, "is no setting", f"delete it ({SEE_DOCS})")
    return Problem(path, "is no setting", f"delete it, or use one of: {', '.join(names)}")


def split(path: str, message: str, fix: str = SEE_DOCS) -> Problem:
    """Return the problem in a validator's message, which may bring its own "; fix: …"."""
    wrong, _, own = message.partition("; fix: ")
    return Problem(path, wrong, own or fix)


def from_pydantic(error: ValidationError, prefix: str, known: Iterable[str]) -> Iterator[Problem]:
    """Yield our words for pydantic's errors; `known` are the field names at `prefix`."""
    for entry in error.errors(include_url=False):
        path = prefix
        for part in entry["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
        value, context = entry.get("input"), entry.get("ctx", {})
        kind = entry["type"]
        if kind == "extra_forbidden":
            yield unknown(path, known if len(entry["loc"]) == 1 else ())
        elif kind == "missing":
            key = str(entry["loc"][-1])
            yield Problem(path, "is missing", f"add {key} = … ({SEE_DOCS})")
        elif kind == "value_error":
            yield split(path, str(context["error"]))
        elif kind == "literal_error":
            yield Problem(
                path, f"is {shown(value)}, which is none of the choices", f"{context['expected']}"
            )
        elif kind.endswith(("_type", "_parsing")) or kind == "int_from_float":
            yield Problem(path, *_type_words(kind, value))
        elif kind.startswith(("greater_than", "less_than")):
            word = "at least" if kind == "greater_than_equal" else "at most"
            limit = context.get("ge", context.get("le"))
            yield Problem(path, f"is {shown(value)}, out of range", f"{word} {limit}")
        else:
            yield Problem(path, entry["msg"].lower())


def _type_words(kind: str, value: object) -> tuple[str, str]:
    """Return what is wrong with a value of the wrong TOML type, and the form that is right."""
    form = {
        "int": ("a whole number", "write it without quotes, like 1000"),
        "float": ("a number", "write it without quotes, like 0.05"),
        "bool": ("true or false", "write true or false without quotes"),
        "string": ("text", 'put it in quotes, like "text"'),
        "tuple": ("a list", 'write it like ["one", "two"]'),
        "list": ("a list", 'write it like ["one", "two"]'),
        "dict": ("a table", "write key = value lines below it"),
        "model": ("a table", "write key = value lines below it"),
    }
    name, fix = form.get(kind.split("_", maxsplit=1)[0], ("of another type", SEE_DOCS))
    return f"must be {name}, not {shown(value)}", fix
