"""The hosts of the inventory, reached exactly as the deploy reaches them.

pyinfra's own connector makes the connection (same key, user, port, proxy, pinned host key), and
testinfra runs its commands over it: what may not be deployed to cannot be checked either. Each host
is asked twice and then never again: the deploy's preflight, and one program that reads everything.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from functools import cache
from typing import Any

import testinfra  # type: ignore[import-untyped]

import connection
import facts
import host_settings
import inventory
from settings import Settings
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

    Program and question travel over stdin: the question may hold a key, and a command line shows.
    """
    backend = host.backend
    command = backend.encode(backend.get_command(f"timeout {DEADLINE_SECONDS} python3 -"))
    program = source + CALL.format(function=function, question=json.dumps(question))
    stdin, stdout, stderr = backend.client.exec_command(command)
    stdin.write(program)
    stdin.channel.shutdown_write()
    answer, problem = stdout.read().decode(), stderr.read().decode(errors="replace")
    code = stdout.channel.recv_exit_status()
    if code != 0:
        raise Unreadable(f"the host cannot be read (exit {code}): {problem[-2000:].strip()}")
    return json.loads(answer)


@cache
def read(name: str) -> tuple[Expected, Observed]:
    """What a host should be and what it is. Raise Unreadable, and nothing is asked twice."""
    return look(connect(name), host_settings.of(dict(inventory.hosts)[name]))


def look(host: Any, settings: Settings) -> tuple[Expected, Observed]:
    """What a connected host should be by these settings, and what it is. Raise Unreadable."""
    source = (facts.REMOTE / "preflight.py").read_text(encoding="utf-8")
    seen = ask(host, source, "check", preflight.question(settings))
    try:
        expected = wanted.build(settings, seen)
    except ValueError as error:
        raise Unreadable(f"/etc/docker/daemon.json: {error}; fix: mend or remove it") from error
    key = secrets.token_hex(32)
    question = {**wanted.question(expected), "key": key}
    observed = ask(host, host_source.program(), "observe", question)
    # The digests that the user's secrets should have there.
    observed["given"] = {
        name: digest(key, value.get_secret_value()) for name, value in settings.secrets.items()
    }
    return expected, observed


def digest(key: str, value: str) -> str:
    """The HMAC of a secret as the deploy writes it, without the newline of the user's editor."""
    return hmac.new(key.encode(), value.rstrip("\r\n").encode(), hashlib.sha256).hexdigest()
