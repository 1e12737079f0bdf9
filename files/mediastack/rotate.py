"""`rotate wireguard`: a new WireGuard key for Gluetun, and the old one back when it does not work.

The key comes over stdin, from a prompt without echo, or from a file (also a whole WireGuard file),
never from a command line. It replaces the secret by rename; that the running container still holds
the old file is what makes plan replace it, through the same path as everything else: trial,
recreate, dependents. Whether Gluetun becomes healthy decides: only a key that its provider knows
makes a tunnel. The key from before lies beside the new one until that is known, so a run that was
killed in between can be taken back (`--back`), and a second attempt does not lose it.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
import time
from typing import Any

from mediastack import acts, atomic, intent, lock, observe, plan, rotated, stacks, wireguard_key
from mediastack import config as configuration
from mediastack.docker_client import Docker
from mediastack.secret_files import content

NAME = "wireguard_private_key"
PREVIOUS = ".previous"
SECRET_MODE = 0o400
# A tunnel is up in seconds; a key that the provider does not know never makes one.
HEALTH_SECONDS = 120
MAXIMUM_BYTES = 64 * 1024
Config = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Replace the WireGuard key of Gluetun; the new one comes over stdin or from a file."""
    parser = argparse.ArgumentParser(prog="mediastack rotate", description=main.__doc__)
    parser.add_argument("what", choices=["wireguard"])
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--from", dest="file", metavar="FILE", help="a key, or a WireGuard file")
    source.add_argument("--back", action="store_true", help="the key from before a killed rotation")
    options = parser.parse_args(arguments)
    config = configuration.load()
    spec = next((one for one in config["secrets"] if one["name"] == NAME), None)
    if spec is None or not plan.owner_name(config):
        return _failed("this host has no Gluetun, so no WireGuard key")
    path = os.path.join(config["paths"]["etc"], "secrets", spec["service"], NAME)
    try:
        key = _kept(path) if options.back else wireguard_key.taken_from(_read(options.file))
    except (OSError, ValueError) as error:
        return _failed(getattr(error, "strerror", None) or str(error))
    if problem := wireguard_key.problem(key):
        return _failed(f"the new key {problem[0]}; fix: {problem[1]}")
    limits = config.get("limits", {})
    wait = float(limits.get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    with lock.hold("cli", "rotating the WireGuard key", wait_seconds=wait):
        return rotate(config, Docker(), path, spec, key)


def rotate(config: Config, docker: Docker, path: str, spec: dict[str, Any], key: str) -> int:
    """Put the key in place and see whether Gluetun can use it; return an exit code.

    The caller holds the lock. Raise OSError, NotReachable.
    """
    started = time.monotonic()
    service, name = spec["service"], f"{spec['service']}/{spec['name']}"
    present = (content(path) or b"").decode().strip()
    if key == present:
        _forget(path)
        print(f"mediastack rotate: {service} has that key already; nothing to do")
        return 0
    # After a run that was killed the present key is one that nobody has seen work.
    if present and not os.path.exists(path + PREVIOUS):
        # The file itself and no copy: a container that holds it need not be replaced for it.
        os.link(path, path + PREVIOUS)
    before = (content(path + PREVIOUS) or b"").decode().strip()
    atomic.write(path, key.encode(), mode=SECRET_MODE, uid=spec["uid"], gid=spec["gid"])
    if service in intent.stopped():
        # Nobody can try it now, so the note goes and the old key with it: the user was told.
        _done(config, path, name, before, key, started)
        print(f"mediastack rotate: {service} is stopped by you; it starts with the new key")
        return 0
    if not (why := _works(config, docker, service)):
        _done(config, path, name, before, key, started)
        print(f"mediastack rotate: {service} is healthy with its new key")
        _tell_what_is_left(name)
        return 0
    acts.record("cli", service, "key rotation failed", started=started, cause=why)
    if not before:
        return _failed(f"{service}: {why}; there was no key before, so the new one stays")
    os.replace(path + PREVIOUS, path)
    back = _works(config, docker, service)
    acts.record("cli", service, "old key put back", started=started, cause=back or why)
    state = f"and {service} is healthy with it" if not back else f"but {service}: {back}"
    return _failed(
        f"{service} does not work with the new key ({why}); the old one is back, {state}"
    )


def _works(config: Config, docker: Docker, owner: str) -> str:
    """Converge Gluetun's group; return why Gluetun is not healthy then, "" when it is."""
    limits = dict(config.get("limits", {}))
    # The user's patience if that is less: it is meant for databases that migrate.
    patience = float(limits.get("health_wait_seconds", HEALTH_SECONDS))
    limits["health_wait_seconds"] = min(patience, HEALTH_SECONDS)
    services = [owner, *plan.dependents(config)]
    try:
        outcome = stacks.apply({**config, "limits": limits}, docker, "cli", services=services)
    except stacks.StackError as error:
        return str(error)
    if owner in outcome.failed:
        return outcome.failed[owner]
    sick = {one["path"]: one["problem"] for one in outcome.sick}
    for name, problem in (*outcome.failed.items(), *sick.items()):
        if name != owner:
            print(f"mediastack rotate: {name}: {problem}", file=sys.stderr)
    if plan.owner_is_up(config, observe.observe(config, docker)):
        return ""
    return sick.get(owner, "it did not become healthy")


def _done(config: Config, path: str, name: str, before: str, key: str, started: float) -> None:
    if before and before != key:
        rotated.remember(config, name, before, key)
    _forget(path)
    acts.record("cli", name.partition("/")[0], "key rotated", started=started, cause="asked for")


def _tell_what_is_left(name: str) -> None:
    consumer, _, key = name.partition("/")
    print(
        f"Left to do: 1. put the new key into secrets.toml ([{consumer}] {key}) on the machine you "
        "deploy from; a deploy that still brings the old one is refused. 2. Delete the old key at "
        "your VPN provider."
    )


def _read(file: str | None) -> str:
    """Return what the user gives: a file, a pipe, or what is typed without an echo."""
    if file is not None:
        with open(file, encoding="utf-8") as stream:
            return stream.read(MAXIMUM_BYTES)
    if sys.stdin.isatty():
        return getpass.getpass("New WireGuard private key (it is not shown): ")
    return sys.stdin.read(MAXIMUM_BYTES)


def _kept(path: str) -> str:
    found = content(path + PREVIOUS)
    if not found:
        raise ValueError("no rotation was cut off here, so there is nothing to go back to")
    return found.decode().strip()


def _forget(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + PREVIOUS)


def _failed(message: str) -> int:
    print(f"mediastack rotate: {message}", file=sys.stderr)
    return 1
