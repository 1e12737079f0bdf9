"""Gluetun is asked before it is replaced: the pulled image itself tries the new settings.

Which countries and servers exist only the image knows, so a running Gluetun that is replaced to
find out is a tunnel lost to a typing error. The trial is the image's own `openvpnconfig`, without
network and powers, with the environment and the mounted secrets of the compose file and a scratch
/gluetun that has the user's own server list. A refusal is written down with a fingerprint of all
it depends on; while that fits, the running container is what is wanted (plan, keeper). A trial
that cannot run blocks nothing (decision 017). Its container has a label, and whoever tries next
removes what a killed one left. The caller holds the lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mediastack import acts, atomic, clock, compose, plan, vpn_trial_words
from mediastack.docker_client import DockerError
from mediastack.docker_engine import Engine

LABEL = "io.mediastack.trial"
COMMAND = ("openvpnconfig",)
TRIAL_SECONDS = 60.0
HOME = "/gluetun"
# What Gluetun reads below /gluetun when it validates: server lists, a WireGuard file.
READ_BY_IT = ("servers.json", "servers", "wireguard")
SCRATCH = "vpn-trial-"
MAXIMUM_FILE_BYTES = 64 * 1024 * 1024
ADDRESSES = "WIREGUARD_ADDRESSES"


def ask(config: dict[str, Any], docker: Engine, actor: str, image: str) -> str:
    """Return why Gluetun refuses its new settings, "" when it does not, or nobody knows.

    Both are recorded. Raise NotReachable when Docker does not answer.
    """
    owner, started = plan.owner_name(config), time.monotonic()
    if acts.unfinished_deploy(config, config["services"][owner]["stack"], [owner]):
        return ""  # nothing will be made of it, and that is told
    # The container may be started with what it is tried with: read that before, not after.
    mark = fingerprint(config, image)
    try:
        judgment = _tried(config, docker, owner, image)
    except (DockerError, compose.ComposeError, OSError) as error:
        judgment = vpn_trial_words.Judgment("unsaid", str(error))
    if judgment.outcome == "refused":
        running = docker.inspect(owner) is not None
        told = vpn_trial_words.message(judgment, running)
        record = {"service": owner, "fingerprint": mark, "message": told}
        atomic.write_json(_path(config), {**record, "time": clock.timestamp()}, mode=0o600)
        acts.record(actor, owner, "settings refused", started=started, cause=told)
        return told
    forget(config)
    if judgment.outcome == "unsaid":
        acts.record(actor, owner, "settings not tried", started=started, cause=judgment.words)
        print(
            f"mediastack: {owner}: its settings could not be tried before ({judgment.words}); "
            "going on",
            file=sys.stderr,
        )
    return ""


def refused(config: Mapping[str, Any], images: Mapping[str, str]) -> dict[str, str]:
    """Return {service: why its wanted settings were refused}, {} when they were not, or something
    has changed since."""
    record = atomic.read_json(_path(config), {})
    service = str(record.get("service", ""))
    if service not in config["services"] or service not in images:
        return {}
    same = record.get("fingerprint") == fingerprint(config, images[service])
    return {service: str(record.get("message", ""))} if same else {}


def forget(config: Mapping[str, Any]) -> None:
    """Let the next one ask again."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(config))


def fingerprint(config: Mapping[str, Any], image: str) -> str:
    """Return what an answer depends on: configuration, image, secrets and the user's own lists.

    Of files which one it is and when it was written; their content is nobody's business here.
    """
    owner = plan.owner_name(config)
    entry = config["services"][owner]
    seen: list[Any] = [entry["config_hash"], image]
    tops = [os.path.join(config["paths"].get("etc", "/etc/mediastack"), "secrets", owner)]
    if entry.get("config"):
        tops += [os.path.join(entry["config"], name) for name in READ_BY_IT]
    for path in (path for top in tops for path in _files(top)):
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            seen.append([path, status.st_ino, status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def sweep(config: Mapping[str, Any], docker: Engine) -> None:
    """Remove what killed trials left: containers with our label, scratch directories."""
    for left in docker.containers(LABEL):
        with contextlib.suppress(DockerError):
            docker.remove(left["Id"], 0)
    runtime = config["paths"]["runtime"]
    for name in os.listdir(runtime) if os.path.isdir(runtime) else ():
        if name.startswith(SCRATCH):
            shutil.rmtree(os.path.join(runtime, name), ignore_errors=True)


def _tried(
    config: Mapping[str, Any], docker: Engine, owner: str, image: str
) -> vpn_trial_words.Judgment:
    entry = config["services"][owner]
    described = compose.described(config, entry["stack"], owner)
    sweep(config, docker)
    os.makedirs(config["paths"]["runtime"], mode=0o755, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=SCRATCH, dir=config["paths"]["runtime"])
    try:
        _copy_lists(entry.get("config", ""), scratch)
        mounts = [(scratch, HOME, False)] + [
            (one["source"], one["target"], True)
            for one in described.get("volumes") or []
            if one.get("type") == "bind" and one["target"] != HOME and os.path.isfile(one["source"])
        ]
        code, output = docker.run(
            image,
            COMMAND,
            environment=_environment(config, docker, described.get("environment") or {}),
            mounts=mounts,
            labels={LABEL: owner},
            timeout_seconds=TRIAL_SECONDS,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return vpn_trial_words.judge(code, output, tuple(_secrets(mounts)))


def _environment(
    config: Mapping[str, Any], docker: Engine, wanted: Mapping[str, Any]
) -> dict[str, str]:
    """The container's environment; IPv6 addresses only where it would have no IPv6 either.

    The trial has no network, and Gluetun refuses an IPv6 address where it sees no IPv6.
    """
    values = {name: str(value) for name, value in wanted.items() if value is not None}
    name = config["network"]["name"]
    if any(one["Name"] == name and one.get("EnableIPv6") for one in docker.networks()):
        kept = [part for part in values.get(ADDRESSES, "").split(",") if ":" not in part]
        if any(kept):
            values[ADDRESSES] = ",".join(kept)
    return values


def _copy_lists(source: str, target: str) -> None:
    """Copy what Gluetun reads from the user's directory, plain files alone, none of them huge."""
    for path in (p for name in READ_BY_IT if source for p in _files(os.path.join(source, name))):
        copy = os.path.join(target, os.path.relpath(path, source))
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as stream:
                if os.fstat(descriptor).st_size <= MAXIMUM_FILE_BYTES:
                    os.makedirs(os.path.dirname(copy), exist_ok=True)
                    with open(copy, "wb") as written:
                        shutil.copyfileobj(stream, written)


def _files(top: str) -> Iterator[str]:
    """The path itself when it is a plain file, else the plain files below; no link is followed."""
    if os.path.isfile(top) and not os.path.islink(top):
        yield top
    elif not os.path.islink(top):
        for directory, _, names in os.walk(top):
            paths = (os.path.join(directory, name) for name in sorted(names))
            yield from (path for path in paths if not os.path.islink(path))


def _secrets(mounts: list[tuple[str, str, bool]]) -> Iterator[str]:
    """What must not be repeated: the content of the mounted files, and each of their lines."""
    for source, _, is_file in mounts:
        if is_file:
            with contextlib.suppress(OSError, ValueError), open(source, encoding="utf-8") as stream:
                text = stream.read().strip()
                yield text
                yield from (part for part in text.split('"') if len(part) >= 16)  # noqa: PLR2004


def _path(config: Mapping[str, Any]) -> str:
    return os.path.join(config["paths"]["state"], "vpn_trial.json")
