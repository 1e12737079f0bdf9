"""What may be asked of the healer: the whole allow-list. Pure, and the only way in.

A request is one line of JSON. Everything in it is a word of a fixed list, the name of a service of
Gluetun's group, or a number within bounds; there is no free text, no path, no argument of a command
that could travel through. Whatever is not exactly that is refused as a whole and nothing is done.
What a request *leads* to is decided by the healer from a look of its own, so even a valid one can
only bring containers to where the configuration wants them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from mediastack.monitor import words

MAXIMUM_BYTES = 64 * 1024
VERBS = ("hold", "revive", "restart")
# More than any clock or counter of ours says; a float holds it exactly.
LARGEST = 2**53


class Refused(Exception):
    """The request is not one of those that exist; the message says in which way."""


class Group(NamedTuple):
    """The names that a request may contain."""

    owner: str
    dependents: tuple[str, ...]


class Request(NamedTuple):
    """`do` is look, listen, act or tell; the rest belongs to one of these. `fields` are those of
    words.render."""

    do: str
    firewall: bool = False
    verb: str = ""
    services: tuple[str, ...] = ()
    number: int = 0
    kind: str = ""
    fields: Mapping[str, Any] = {}


def parse(line: bytes, group: Group) -> Request:
    """Return the request in a line (with or without its end). Raise Refused."""
    request = _object(line)
    do = request.pop("do", None)
    # By equality with a constant: what is no text is no key of a table either.
    if do == "look":
        _only(request, ["firewall"])
        return Request("look", firewall=_boolean(request, "firewall"))
    if do == "listen":
        _only(request, [])
        return Request("listen")
    if do == "act":
        _only(request, ["verb", "services"])
        return _act(request, group)
    if do == "tell":
        _only(request, ["number", "kind", *_FIELDS])
        return _tell(request, group)
    raise Refused('"do" is none of look, listen, act, tell')


def _act(request: Mapping[str, Any], group: Group) -> Request:
    verb = _one_of(request.get("verb"), VERBS, "verb")
    whole = (group.owner, *group.dependents)
    services = _names(request.get("services"), whole, "services")
    if not services:
        raise Refused('"services" is empty')
    if group.owner in services and verb == "hold":
        raise Refused(f"{group.owner} is never held")
    if group.owner in services and verb == "restart" and len(services) > 1:
        raise Refused(f"{group.owner} is restarted alone")
    return Request("act", verb=verb, services=services)


def _tell(request: Mapping[str, Any], group: Group) -> Request:
    whole = (group.owner, *group.dependents)
    fields = {
        name: check(request[name], whole) for name, check in _FIELDS.items() if name in request
    }
    return Request(
        "tell",
        number=int(_number(request.get("number"), "number", whole=True)),
        kind=_one_of(request.get("kind"), words.KINDS, "kind"),
        fields=fields,
    )


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAXIMUM_BYTES:
        raise Refused(f"longer than {MAXIMUM_BYTES} bytes")
    try:
        # Not json.loads of bytes, which would guess UTF-16 and UTF-32.
        value = json.loads(
            line.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise Refused("not a line of JSON") from error
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("a key comes twice")
    return found


def _no_constant(_name: str) -> float:
    raise Refused("a number that is none")


def _only(request: Mapping[str, Any], allowed: Iterable[str]) -> None:
    if not set(request) <= set(allowed):
        raise Refused("a key that does not belong there")


def _boolean(request: Mapping[str, Any], key: str) -> bool:
    value = request.get(key, False)
    if not isinstance(value, bool):
        raise Refused(f'"{key}" is neither true nor false')
    return value


def _one_of(value: Any, known: Iterable[str], key: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise Refused(f'"{key}" is none of those that exist')
    return value


def _names(value: Any, known: Iterable[str], key: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Refused(f'"{key}" is no list')
    names = tuple(_one_of(name, known, key) for name in value)
    if len(set(names)) != len(names):
        raise Refused(f'"{key}" has a name twice')
    return names


def _number(value: Any, key: str, *, whole: bool = False) -> float:
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= LARGEST:
        raise Refused(f'"{key}" is no number from 0 to {LARGEST}')
    return float(value) if not whole else value


def _service(value: Any, known: Iterable[str]) -> str:
    return "" if value == "" else _one_of(value, known, "service")


_FIELDS: dict[str, Callable[[Any, Iterable[str]], Any]] = {
    "service": _service,
    "services": lambda value, known: _names(value, known, "services"),
    "count": lambda value, _: int(_number(value, "count", whole=True)),
    "seconds": lambda value, _: _number(value, "seconds"),
    "percent": lambda value, _: _number(value, "percent"),
    "cause": lambda value, _: _one_of(value, words.CAUSES, "cause"),
}
