"""Requests that mean harm, by seed: none of them may be more than refused.

What is drawn is a whole WSGI environment, or a whole HTTP request as bytes: peer, method, path,
headers, lengths that lie, bodies that are nearly JSON or nearly a container. None is one that may
lead to anything: whoever shows the right token from the right address speaks of services that are
not known or are pinned. `strategy` draws the same by Hypothesis, which looks for the odd corners.
"""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import strategies

from checks import webhook_house as house

# Most come so far that their body is looked at.
METHODS = (*("POST",) * 24, "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "", "\0")
PEERS = (
    *(house.WUD,) * 24,
    *(house.GUEST, house.LOOPBACK, house.STRANGER, "", "::1", "1e3", "x"),
)
PATHS = (
    *("/hooks/wud",) * 48,
    *("/hooks/notify/sonarr", "/hooks/notify/autoheal", "/hooks/notify/", "/hooks/notify/nobody"),
    *("/healthz", "/metrics", "/", "", "/hooks", "/hooks/wud/", "//hooks/wud", "/hooks/../healthz"),
    *("/hooks/wud\0", "/hooks/notify/../wud", "/%2e%2e/", "/" + "a" * 5000, "/ÿ", "/hooks/WUD"),
)
NAMES = (
    *("../../x", "/etc/passwd", "..", ".", "", "sonarr/../x", "sonarr\0", "sonarr\n", " sonarr"),
    *("SONARR", "ſonarr", "sonarr ", "a" * 9000, "\ud800", "$(id)", "`id`", "%00", "-rf", "é"),
    *("💣", house.PINNED),
)
TAGS: tuple[Any, ...] = (
    *("4.0.20", "latest", "../x", "a:b", "x@sha256:" + "0" * 64, "", "\0", "-", "a" * 129, "$(id)"),
    *(None, 1, 1.5, True, [], {}, "é", "4.0\n", "\ud800"),
)
NUMBERS = ("1" * 400, "-1", "1e999999", "1" + "0" * 5000, "NaN", "Infinity", "-0", "0x1")
DEEP = 20_000


def container(chance: random.Random) -> Any:
    """Something like What's Up Docker's description of nobody's container."""
    made: dict[str, Any] = house.container(str(chance.choice(NAMES)), "4.0.20")
    made["name"] = chance.choice((made["name"], chance.choice(NAMES), None, 7, [], {}))
    made["result"] = chance.choice(
        (None, [], "x", {"tag": chance.choice(TAGS), "digest": chance.choice(TAGS)})
    )
    made["updateKind"] = chance.choice((None, 3, {"kind": "tag", "remoteValue": TAGS[2]}))
    for _ in range(chance.randrange(4)):
        made.pop(chance.choice(list(made)), None)
    return made


def body(chance: random.Random) -> bytes:
    """A body, mostly none that is worth anything."""
    kind = chance.randrange(12)
    if kind < 4:
        return json.dumps(container(chance)).encode()
    if kind == 4:
        return json.dumps([container(chance) for _ in range(chance.randrange(5))]).encode()
    if kind == 5:
        text = json.dumps(container(chance)).encode()
        return text[: chance.randrange(len(text))]
    if kind == 6:
        return chance.randbytes(chance.randrange(200))
    if kind == 7:
        changed = bytearray(json.dumps(container(chance)).encode())
        for _ in range(3):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        # What this makes of a name is nobody's that is known: two letters would have to match.
        return bytes(changed)
    if kind == 8:
        return f'{{"name": {chance.choice(NUMBERS)}}}'.encode()
    if kind == 9:
        bracket = chance.choice((b"[", b'{"a":'))
        return bracket * (DEEP if chance.random() < 0.02 else 300)
    if kind == 10:
        return chance.choice((b"", b"null", b"[]", b"{}", b'""', b"0", b"\xff\xfe[]", b"[[]]"))
    return json.dumps({chance.choice(NAMES): chance.choice(TAGS) for _ in range(9)}).encode()


def authorization(chance: random.Random, token: str) -> str:
    """An Authorization header, sometimes the right one."""
    return chance.choice(
        (
            *("", "Bearer", "Bearer ", "Basic Og==", f"Basic {token}", "Bearer \0", "Bearer é"),
            *(f"Bearer {token[:-1]}", f"Bearer {token}x", f"Bearer {token[::-1]}", "x" * 9000),
            *(f"Bearer {token}", f"bearer  {token}", token, f"Bearer {token} {token}"),
            *(f"Bearer {token}",) * 6,
        )
    )


def length(chance: random.Random, real: int) -> str:
    """A Content-Length, sometimes the right one."""
    if chance.random() < 0.8:
        return str(real)
    return chance.choice(
        ("", "-1", "1e3", " 2", "+2", "²", "0", "9" * 50, "262145", str(real + 1), "x", "0x10")
    )


def environment(chance: random.Random, token: str) -> dict[str, Any]:
    """A whole request, as WSGI."""
    content = body(chance)
    made = house.request(
        content,
        REMOTE_ADDR=chance.choice(PEERS),
        REQUEST_METHOD=chance.choice(METHODS),
        PATH_INFO=chance.choice(PATHS),
        QUERY_STRING=chance.choice(("", "token", f"token={token}", "token=%ff", "&" * 400)),
        CONTENT_LENGTH=length(chance, len(content)),
        HTTP_AUTHORIZATION=authorization(chance, token),
    )
    if chance.random() < 0.05:
        del made[chance.choice(("CONTENT_LENGTH", "HTTP_AUTHORIZATION", "REQUEST_METHOD"))]
    return made


def raw(chance: random.Random, token: str) -> bytes:
    """A whole request, as bytes of HTTP that is not always HTTP."""
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 300)) + b"\r\n\r\n"
    content = body(chance)
    path = chance.choice(PATHS).encode("utf-8", "replace")
    line = chance.choice(METHODS).encode() + b" " + path + b" HTTP/1." + chance.choice((b"0", b"1"))
    head = [line, b"Host: door", b"Connection: close"]
    head.append(b"Authorization: " + authorization(chance, token).encode())
    head.append(b"Content-Length: " + length(chance, len(content)).encode())
    if kind == 1:
        head.append(chance.choice((b"Transfer-Encoding: chunked", b"Transfer-Encoding: x, y")))
        content = chance.choice((b"5\r\nabcde\r\n0\r\n\r\n", b"fffffffff\r\n", b"-1\r\n", content))
    if kind == 2:
        head += [b"X: " + b"a" * chance.choice((10, 20_000)), b"X\0: y", b"Content-Length: 3"]
    whole = b"\r\n".join(head) + b"\r\n\r\n" + content
    return whole[: chance.randrange(len(whole))] if kind == 3 else whole


def strategy(token: str) -> strategies.SearchStrategy[dict[str, Any]]:
    """The same by Hypothesis, which shrinks what it finds."""
    words = strategies.text(max_size=40)
    values = strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.floats() | words
        | strategies.integers(),
        lambda inner: strategies.lists(inner, max_size=4)
        | strategies.dictionaries(words, inner, max_size=4),
        max_leaves=12,
    )  # fmt: skip
    names = words.filter(lambda text: text not in house.SERVICES)
    fields = strategies.fixed_dictionaries(
        {"name": names | strategies.sampled_from(NAMES), "result": values, "updateKind": values}
    )
    bodies = strategies.one_of(
        strategies.binary(max_size=300),
        fields.map(_encoded),
        strategies.lists(fields, max_size=3).map(_encoded),
    )
    return bodies.map(lambda content: house.request(content, token=token))


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
