"""The hosts of the inventory, reached exactly as the deploy reaches them.

pyinfra's own connector makes the connection (same key, user, port, proxy, pinned host key), and
testinfra runs its commands over it: what may not be deployed to cannot be checked either. Each host
is asked twice and then never again: the deploy's preflight, and one program that reads everything.
"""

from __future__ import annotations

import base64
import json
import zlib
from functools import cache
from typing import Any

import testinfra  # type: ignore[import-untyped]

import connection
import facts
import host_settings
import inventory
from tasks import preflight
from tests.smoke import expected as wanted
from tests.smoke import host_source
from tests.smoke.expected import Expected

DEADLINE_SECONDS = 60
CALL = "\nimport json as _json\nprint(_json.dumps({function}(_json.loads({question!r}))))\n"
Observed = dict[str, Any]


class Unreadable(Exception):
    """A host could not be reached or asked; the message says why."""


def names() -> list[str]:
    """The hosts of the inventory."""
    return [name for name, _data in inventory.hosts]


@cache
def outline(name: str) -> Expected:
    """What a host should be, as far as it is known without asking it."""
    return wanted.build(host_settings.of(dict(inventory.hosts)[name]), wanted.UNKNOWN)


def connect(name: str) -> Any:
    """A testinfra host over pyinfra's connection. Raise Unreadable."""
    data = dict(inventory.hosts)[name]
    try:
        _state, chosen = connection.connect(name, data)
    except connection.Unreachable as error:
        raise Unreadable(str(error)) from error
    made = testinfra.get_host("paramiko://host", sudo=bool(data.get("_sudo")))
    # A cached property: set, it is never made, so testinfra does not connect by rules of its own.
    made.backend.__dict__["client"] = chosen.connector.client
    return made


def ask(host: Any, source: str, function: str, question: dict[str, Any]) -> Any:
    """The answer of one function of a program, run as root on the host. Raise Unreadable.

    The program travels in the command line, compressed: it holds no secret.
    """
    program = source + CALL.format(function=function, question=json.dumps(question))
    packed = base64.b64encode(zlib.compress(program.encode())).decode()
    unpack = f"import base64,zlib;exec(zlib.decompress(base64.b64decode('{packed}')))"
    done = host.run(f"timeout {DEADLINE_SECONDS} python3 -c %s", unpack)
    if done.rc != 0:
        raise Unreadable(f"the host cannot be read (exit {done.rc}): {done.stderr[-2000:].strip()}")
    return json.loads(done.stdout)


@cache
def read(name: str) -> tuple[Expected, Observed]:
    """What a host should be and what it is. Raise Unreadable, and nothing is asked twice."""
    settings = host_settings.of(dict(inventory.hosts)[name])
    host = connect(name)
    source = (facts.REMOTE / "preflight.py").read_text(encoding="utf-8")
    seen = ask(host, source, "check", {"paths": preflight.paths(settings)})
    try:
        expected = wanted.build(settings, seen)
    except ValueError as error:
        raise Unreadable(f"/etc/docker/daemon.json: {error}; fix: mend or remove it") from error
    return expected, ask(host, host_source.program(), "observe", wanted.question(expected))
