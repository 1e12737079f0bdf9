"""What a body says, read as if its sender meant harm: pure.

JSON with bounds (bytes, digits of a number, nesting), and of What's Up Docker's container object no
more than a name, a tag and a digest. Each is taken only when it looks exactly like one: a name that
the configuration does not know is ignored, a tag or digest of another shape is none. Facts: the
body of WUD's HTTP trigger is the container (mode simple) or a list of them (mode batch).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple

LONGEST_NUMBER = 32
LARGEST_BATCH = 256
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class BadBody(Exception):
    """It is not what this hook takes; the message quotes nothing of it."""


class Hint(NamedTuple):
    """A container that somebody wants looked at; tag and digest are hearsay, "" when absent."""

    service: str
    tag: str
    digest: str


def read(raw: bytes) -> Any:
    """Return the JSON in `raw`. Raise BadBody."""
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_no_number,
        )
    except UnicodeDecodeError as error:
        raise BadBody("is not UTF-8") from error
    except RecursionError as error:
        raise BadBody("is nested too deeply") from error
    except ValueError as error:
        raise BadBody("is not JSON") from error


def hints(body: Any, known: Collection[str]) -> tuple[list[Hint], int]:
    """Return the hints about `known` services, each once, and how many others there were.

    Raise BadBody when it is neither a container nor a list of them.
    """
    containers = body if isinstance(body, list) else [body]
    if len(containers) > LARGEST_BATCH:
        raise BadBody("has too many containers")
    found: list[Hint] = []
    ignored = 0
    for one in containers:
        if not isinstance(one, dict):
            raise BadBody("is neither a container nor a list of them")
        name = one.get("name")
        if isinstance(name, str) and name in known:
            found.append(Hint(name, _tag(one), _matching(DIGEST, _field(one, "result", "digest"))))
        else:
            ignored += 1
    return list(dict.fromkeys(found)), ignored


def _tag(container: dict[str, Any]) -> str:
    wanted = _matching(TAG, _field(container, "result", "tag"))
    if not wanted and _field(container, "updateKind", "kind") == "tag":
        wanted = _matching(TAG, _field(container, "updateKind", "remoteValue"))
    return wanted


def _field(container: dict[str, Any], table: str, name: str) -> Any:
    inner = container.get(table)
    return inner.get(name) if isinstance(inner, dict) else None


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _whole(text: str) -> int:
    # Python 3.10 turns a quarter of a million digits into a number for seconds.
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number of too many digits")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number of too many digits")
    return float(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
