"""Everything but what may be asked, sent to the healer: each of these has to be refused.

All of it is bad by construction: a good request that was spoilt in one way, or no request at all.
Returns what was not refused, with its answer.
"""

import contextlib
import json
import random
import socket
import time
from typing import Any

SECONDS = 20.0
SHOWN = 160
ARGUMENTS = (
    *("--project-name=x", "-f", "/run/check-privilege/compose.yaml", "up", "--privileged"),
    *("$(touch /etc/check-privilege)", "; touch /etc/check-privilege", "sonarr; reboot"),
    *("../../etc/shadow", "/etc/shadow", "", " ", "*", "sonarr\n", "\nsonarr", "sonarr\0"),
    *("--", "-v/:/host", "{{.Id}}", "%s", "\ud800", "\u202e", "a" * 5000),
)
KINDS = ("look", "listen", "act", "tell")


def good(chance: random.Random, group: "list[str]") -> "dict[str, Any]":
    """A request of the list."""
    some = chance.sample(group[1:], chance.randint(1, len(group) - 1))
    return chance.choice(
        [
            {"do": "look"},
            {"do": "listen"},
            {"do": "act", "verb": chance.choice(["hold", "revive", "restart"]), "services": some},
            {"do": "act", "verb": "revive", "services": group[:1]},
            {"do": "tell", "number": chance.randint(0, 9), "kind": "held", "services": some},
        ]
    )


def spoilt(chance: random.Random, group: "list[str]", others: "list[str]") -> bytes:
    """A line that is not of the list."""
    request = good(chance, group)
    word: Any = chance.choice([*ARGUMENTS, *others])
    strange: Any = chance.choice(
        [None, True, -1, 1.5, 2**80, [], [[]], {}, {"a": 1}, ["--all"], word + "?", [word + "?"]]
    )
    ways = ["key", "do", "text", "cut", "twice", "bytes", "encoding", "number"]
    if request["do"] == "act":
        ways += ["verb", "service", "services", "double", "owner", "compose"] * 3
    if request["do"] == "tell":
        ways += ["kind", "cause", "subject", "count", "not a number", "message"] * 3
    way = chance.choice(ways)
    if way == "key":
        names = ["path", "image", "args", "env", "user", "Do", "", "cmd", word[:20] + "!"]
        request[chance.choice(names)] = strange
    elif way == "do":
        request["do"] = strange
    elif way == "verb":
        request["verb"] = strange
    elif way == "service":
        request["services"] = [*request["services"], word]
    elif way == "services":
        request["services"] = chance.choice([None, "sonarr", 1, {}, [], [request["services"]]])
    elif way == "double":
        request["services"] = request["services"] * 2
    elif way == "owner":
        request |= {"verb": "hold", "services": group}
    elif way == "compose":
        key = chance.choice(["arguments", "options", "command", "file"])
        request[key] = chance.choice([["-f", word, "up", "-d"], word, [word]])
    elif way == "kind":
        request["kind"] = strange
    elif way == "cause":
        request["cause"] = word + "?"
    elif way == "subject":
        request["service"] = word or "?"
    elif way == "count":
        request["count"] = chance.choice([-1, 1.5, "1", None, True, [1], 10**30])
    elif way == "message":
        request[chance.choice(["message", "title", "priority", "outcome"])] = word
    elif way == "number":
        request["number" if request["do"] == "tell" else "count"] = "1"
    line = json.dumps(request)
    if way == "text":
        return chance.choice([f"{line} x", f"[{line}]", json.dumps(line), line[1:]]).encode()
    if way == "cut":
        return line[: chance.randint(0, len(line) - 1)].encode()
    if way == "twice":
        return f'{line[:-1]}, "do": "look"}}'.encode()
    if way == "not a number":
        value = chance.choice(["NaN", "Infinity", "-Infinity", "1e999", "-0.1"])
        return f'{line[:-1]}, "seconds": {value}}}'.encode()
    if way == "encoding":
        return line.encode(chance.choice(["utf-16", "utf-32"])).replace(b"\n", b"")
    if way == "bytes":
        count = chance.randint(0, 300)
        return b"\xff" + bytes(chance.randrange(256) for _ in range(count)).replace(b"\n", b"")
    return line.encode()


def fixed(group: "list[str]", others: "list[str]") -> "list[bytes]":
    """What nobody should have to think of by chance."""
    found = [
        b"",
        b"GET /containers/json HTTP/1.1",
        b"[" * 60000,
        b'{"do":"look",' + b'"a":' * 9000 + b"1" + b"}" * 2,
        json.dumps({"do": "act", "verb": "revive", "services": group * 3000}).encode()[:65000],
    ]
    for name in [*others, *ARGUMENTS]:
        for verb in ("hold", "revive", "restart"):
            found.append(json.dumps({"do": "act", "verb": verb, "services": [name]}).encode())
    for verb in ("remove", "create", "exec", "run", "start", "stop", "compose", "pull", "kill"):
        found.append(json.dumps({"do": "act", "verb": verb, "services": group[1:2]}).encode())
    for do in ("exec", "run", "compose", "docker", "shell", "eval", "read", "write"):
        found.append(json.dumps({"do": do, "path": "/etc/shadow"}).encode())
    arguments = [
        *("--project-name", "check-privilege", "-f", "/run/check-privilege/compose.yaml"),
        *("up", "-d", "--pull", "never"),
    ]
    revive = {"do": "act", "verb": "revive", "services": group[1:2]}
    found.append(json.dumps({**revive, "arguments": arguments}).encode())
    return found


def said(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(65536)
        if not data:
            break
        received += data
    return received


def opened(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(path)
    return connection


def main(
    path: str, seed: int, count: int, group: "list[str]", others: "list[str]"
) -> "dict[str, Any]":
    chance = random.Random(seed)  # noqa: S311
    lines = fixed(group, others) + [spoilt(chance, group, others) for _ in range(count)]
    let_in: list[Any] = []
    connection = opened(path)
    for line in lines:
        connection.sendall(line + b"\n")
        answer = said(connection)
        if b'"refused"' not in answer:
            let_in.append([line[:SHOWN].decode(errors="replace"), answer[:SHOWN].decode()])
            connection.close()
            connection = opened(path)
    connection.close()
    for line in (b"x" * 10_000_000, b'{"do":"lo'):
        # Without an end; the answer may come before all of it is sent.
        connection = opened(path)
        began = time.monotonic()
        with contextlib.suppress(OSError):
            connection.sendall(line)
        try:
            answer = said(connection)
        except OSError:
            answer = b'"refused" by hanging up'
        if b'"refused"' not in answer or time.monotonic() - began > SECONDS:
            let_in.append([f"{len(line)} bytes without an end", answer[:SHOWN].decode()])
        connection.close()
    return {"sent": len(lines) + 2, "let_in": let_in}
