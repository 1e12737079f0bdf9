"""What is: containers, their namespaces and mounts, /data, intents and the wanted images.

One listing and one inspect per container give Docker's view; the rest is asked of the kernel,
because Docker's view lies in the cases that hurt: a dependent of a restarted gluetun shows
"running" in a namespace that has only `lo` (compare inodes of /proc/PID/ns/net), and a mounted
file that was replaced by rename is still the old one inside (compare (st_dev, st_ino) of the
source with /proc/PID/root/<target>). Processes may die while we look: what could not be read is
None or left out, and never a reason to act. `mediastack observe` prints the result as JSON, with
what the user has stopped a moment ago among the intents, where the next run will find it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Collection, Mapping
from typing import Any

from mediastack import config as configuration
from mediastack import healing, image_lock, intent, leftovers, sentinel, user_stops, vpn_trial
from mediastack.docker_client import Docker, NotReachable
from mediastack.docker_engine import Engine
from mediastack.restore import inflight as restoring
from mediastack.updater import inflight

Observation = dict[str, Any]


def observe(
    config: Mapping[str, Any],
    docker: Engine,
    proc: str = "/proc",
    *,
    services: Collection[str] | None = None,
) -> Observation:
    """Return the observation that plan.plan takes; its `data` is a sentinel.Probe.

    With `services` only containers of these are in it: of others nothing can be said then.

    Raise docker_client.NotReachable when Docker does not answer.
    """
    inspected = docker.containers() if services is None else docker.containers(services=services)
    locked = image_lock.read()
    data = sentinel.probe(config["paths"]["sentinel"])
    containers = [container(entry, config, proc) for entry in inspected]
    _add_lost_sentinels(containers, inspected, config, data, proc)
    images = {
        service: image_lock.choose(locked.get(service), entry["image"])
        for service, entry in config["services"].items()
    }
    return {
        "at": time.time(),
        "composing": any(map(leftovers.is_of_a_recreate, containers)) and is_composing(proc),
        "containers": containers,
        "data": data,
        "intents": intent.stopped(),
        "held": {**inflight.held(), **restoring.held()},
        "resting": [healing.SERVICE] if healing.is_to_rest() else [],
        "images": images,
        "refused": vpn_trial.refused(config, images),
    }


def is_composing(proc: str = "/proc") -> bool:
    """Say whether a Compose runs, whoever started it, also inside of a container."""
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            with open(f"{proc}/{pid}/cmdline", "rb") as stream:
                words = stream.read(4096).split(b"\0")
        except OSError:
            continue
        # `docker compose …` runs a plugin of this name; the old one was a script of Python's.
        if any(os.path.basename(word) == b"docker-compose" for word in words[:2]):
            return True
    return False


def container(inspected: Mapping[str, Any], config: Mapping[str, Any], proc: str) -> dict[str, Any]:
    """Return what plan needs to know of one container (facts: Engine API "inspect")."""
    state = inspected["State"]
    labels = inspected["Config"].get("Labels") or {}
    pid = int(state.get("Pid") or 0)
    running = state["Status"] == "running" and pid > 0
    alive = pid > 0 and state["Status"] in ("running", "paused")
    return {
        "name": inspected["Name"].lstrip("/"),
        "id": inspected["Id"],
        "service": labels.get("io.mediastack.service", ""),
        "stack": labels.get("io.mediastack.stack", ""),
        "config_hash": labels.get("io.mediastack.config", ""),
        "image": inspected["Config"]["Image"],
        "image_id": inspected["Image"],
        "status": state["Status"],
        "health": (state.get("Health") or {}).get("Status", "none"),
        "exit_code": state.get("ExitCode", 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "restarts": int(inspected.get("RestartCount") or 0),
        "error": state.get("Error", ""),
        "pid": pid,
        "created_at": user_stops.docker_seconds(str(inspected.get("Created", ""))),
        "started_at": state.get("StartedAt", ""),
        "finished_at": state.get("FinishedAt", ""),
        "network_mode": inspected["HostConfig"]["NetworkMode"],
        "attached": attached(inspected),
        "mounted_files": file_mounts(inspected, (config["paths"]["etc"],)),
        "netns": _inode(f"{proc}/{pid}/ns/net") if alive else None,
        "stale_mounts": _stale_mounts(inspected, config, proc) if running else [],
    }


def attached(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"restart","networks": {name: fixed address or ""},"ports": ["address:host:inside"]}
    as the container was made, or as a hand changed it since; true of a stopped one as well."""
    host = inspected["HostConfig"]
    own_networks = host["NetworkMode"] != "host" and not host["NetworkMode"].startswith("container")
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "networks": {
            name: (one.get("IPAMConfig") or {}).get("IPv4Address", "")
            for name, one in networks.items()
            if own_networks
        },
        "ports": sorted(
            f"{one['HostIp']}:{one['HostPort']}:{inside.removesuffix('/tcp')}"
            for inside, several in (host.get("PortBindings") or {}).items()
            for one in several or []
        ),
    }


def file_mounts(inspected: Mapping[str, Any], below: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return (source, target) of the bind mounts whose source is below one of these paths."""
    return [
        (mount["Source"], mount["Destination"])
        for mount in inspected.get("Mounts") or []
        if mount.get("Type") == "bind"
        and any(mount["Source"].startswith(f"{path.rstrip('/')}/") for path in below)
    ]


def _stale_mounts(inspected: Mapping[str, Any], config: Mapping[str, Any], proc: str) -> list[str]:
    """Targets of our managed files that are another file inside than outside.

    These directories are on the host's own disk, so a plain stat cannot hang.
    """
    below = (config["paths"]["etc"], config["paths"]["program"])
    root = f"{proc}/{inspected['State']['Pid']}/root"
    stale = []
    for source, target in file_mounts(inspected, below):
        try:
            outside = os.stat(source)
            inside = os.stat(root + target)
        except OSError:
            continue
        if os.path.isfile(source) and not os.path.samestat(outside, inside):
            stale.append(target)
    return stale


def _add_lost_sentinels(
    containers: list[dict[str, Any]],
    inspected: list[dict[str, Any]],
    config: Mapping[str, Any],
    data: sentinel.Probe,
    proc: str,
) -> None:
    """Add the sentinel to stale_mounts of containers that hold another /data than the host's.

    Through a child with a deadline, since the old /data may hang; only when the host's sentinel
    is there, because otherwise there is nothing to compare with.
    """
    if not data["present"]:
        return
    inside = {}
    for entry, raw in zip(containers, inspected, strict=True):
        if entry["status"] != "running":
            continue
        for mount in raw.get("Mounts") or []:
            if mount.get("Source") == config["paths"]["sentinel"]:
                path = f"{proc}/{entry['pid']}/root{mount['Destination']}"
                inside[path] = (entry, mount["Destination"])
    for path, found in sentinel.identities(inside).items():
        entry, target = inside[path]
        if isinstance(found, tuple) and found != data["identity"]:
            entry["stale_mounts"].append(target)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def main(arguments: list[str]) -> int:
    """Print the observation as JSON. Exit 1 when Docker does not answer."""
    parser = argparse.ArgumentParser(prog="mediastack observe", description=main.__doc__)
    parser.add_argument(
        "--config",
        metavar="-",
        choices=["-"],
        help="take the configuration as JSON from stdin: what a deploy is about to write",
    )
    options = parser.parse_args(arguments)
    try:
        if options.config:
            config = json.load(sys.stdin)
            config["paths"] = {**configuration.DEFAULT_PATHS, **config.get("paths", {})}
        else:
            config = configuration.load()
        docker = Docker()
        observation = observe(config, docker)
        user_stops.foresee(docker, observation)
        if options.config:
            # Only here: it brings a tenth of what the healer has in memory.
            from mediastack import foresight

            foresight.note(config, observation)
    except (NotReachable, configuration.ConfigError) as error:
        print(f"mediastack observe: {error}", file=sys.stderr)
        return 1
    json.dump(observation, sys.stdout)
    print()
    return 0
