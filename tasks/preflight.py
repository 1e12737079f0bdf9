"""What must hold on a host before anything is changed; everything that does not, said at once.

One fact is read; the rules are plain functions of settings and facts, so that each can be shown
to fail. Nothing here writes. What it resolves (the LAN address, Docker's present configuration,
whether /data is a mount) is handed on, so that no later task asks the host again.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyinfra import host
from pyinfra.api.exceptions import PyinfraError

import distributions
import releases
from facts import Answer, program
from host_configuration import VERSION
from settings import Settings, enabled

Facts = dict[str, Any]
UNFIT_FOR_DATABASES = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "exfat", "vfat", "msdos", "9p"}
WITHOUT_HARDLINKS = {"exfat", "vfat", "msdos"}
# The certificates and repositories of every supported release are newer than this (2025-01-01).
EARLIEST_TIME = 1735689600
CLOCK_TOLERANCE_SECONDS = 300
GIB = 1 << 30
ALLOW_DOWNGRADE = "allow_downgrade"


@dataclass(frozen=True)
class Seen:
    """What the preflight resolved about one host."""

    host_name: str
    bind_address: str
    distribution: distributions.Distribution
    daemon_json: dict[str, Any]
    data_is_mount: bool


def system_problems(facts: Facts) -> Iterator[str]:
    """Operating system, architecture, init system, clock."""
    release = facts["os_release"]
    if distributions.find(release) is None:
        name = release.get("PRETTY_NAME", "an unknown system")
        yield f"{name} is not supported; fix: use one of {distributions.supported_names()}"
    if facts["architecture"] not in distributions.ARCHITECTURES:
        known = " and ".join(distributions.ARCHITECTURES)
        yield f"the architecture {facts['architecture']} is not supported; fix: use {known}"
    if not facts["is_root"]:
        yield "the deploy needs root; fix: connect as root or set _sudo = True in the inventory"
    if not facts["systemd"]:
        yield "systemd is not running; fix: use a machine (or container) that boots with it"
    if facts["time"] < EARLIEST_TIME:
        yield "the clock is years behind; fix: timedatectl set-ntp true"
    elif abs(facts["time"] - time.time()) > CLOCK_TOLERANCE_SECONDS:
        off = int(facts["time"] - time.time())
        yield f"the clock is {off} s off this machine's; fix: timedatectl set-ntp true on both"
    if not facts["tun"]:
        yield "/dev/net/tun is missing, the VPN needs it; fix: modprobe tun"


def storage_problems(settings: Settings, facts: Facts) -> Iterator[str]:
    """Disks: free space, kinds of file systems, /data whole and mounted."""
    places = facts["places"]
    config, data = places["config"], places["data"]
    if config["type"] in UNFIT_FOR_DATABASES:
        yield (
            f"storage.config {config['path']} is on {config['type']}, where SQLite databases break;"
            " fix: put it on a local disk (ext4, xfs, btrfs, zfs)"
        )
    if data["type"] in WITHOUT_HARDLINKS:
        yield (
            f"storage.data {data['path']} is on {data['type']}, which has no hardlinks: every"
            " import would be a copy; fix: use ext4, xfs, btrfs or zfs"
        )
    if data["inside"]:
        yield (
            f"storage.data {data['path']} has other file systems in it ({', '.join(data['inside'])}"
            "): imports across them would be copies; fix: one file system for all of it"
        )
    for place in places.values():
        if place["free_bytes"] < settings.storage.minimum_free_gib * GIB:
            free = place["free_bytes"] / GIB
            yield (
                f"{place['path']} has {free:.1f} GiB free, storage.minimum_free_gib asks for"
                f" {settings.storage.minimum_free_gib}; fix: make room or lower the setting"
            )
    if not data["is_mount"]:
        recorded = facts["data_record"] or {}
        if recorded.get("is_mount") or data["path"] in facts["fstab"]:
            yield (
                f"the disk of {data['path']} is not mounted: downloads would fill the root disk;"
                f" fix: mount {data['path']} (or, when it shall be a plain directory from now on,"
                " take it out of /etc/fstab and remove /var/lib/mediastack/data.json)"
            )


def address_problems(settings: Settings, facts: Facts) -> Iterator[str]:
    """Where ports are published, and who holds them already."""
    wanted = settings.network.bind_address
    bind = wanted if wanted != "auto" else facts["default_address"]
    if not bind:
        yield (
            "no LAN address found (there is no default route);"
            ' fix: set network.bind_address = "192.168.…"'
        )
        return
    public = [one for one in facts["addresses"] if ipaddress.ip_address(one).is_global]
    if bind == "0.0.0.0" and public:  # noqa: S104 - this is the check against it
        yield (
            f"network.bind_address 0.0.0.0 would publish everything on {public[0]}, which is"
            " reachable from the internet; fix: use the LAN address"
        )
    if bind != "0.0.0.0" and bind not in facts["addresses"]:  # noqa: S104
        yield (
            f"network.bind_address {bind} is not an address of this host"
            f" ({', '.join(facts['addresses'])}); fix: use one of them"
        )
    for service in enabled(settings).values():
        port = service.published_port
        # Without root nobody can tell which ports are our own containers'.
        if port is None or port in facts["our_ports"] or not facts["is_root"]:
            continue
        for listener in facts["listeners"]:
            everywhere = listener["address"] in ("0.0.0.0", "::")  # noqa: S104
            same = everywhere or bind in ("0.0.0.0", listener["address"])  # noqa: S104
            if listener["port"] == port and same and listener["program"] != "docker-proxy":
                other = f", or set services.{service.name}.host_port"
                yield (
                    f"port {port} of {service.name} is taken by"
                    f" {listener['program'] or 'another program'};"
                    f" fix: stop that{other if service.zone != 'host' else ''}"
                )
                break


def docker_problems(facts: Facts) -> Iterator[str]:
    """Docker must be to be had, and a configuration that is there one we can add to."""
    if error := facts.get("docker_key_error"):
        name = facts["os_release"].get("PRETTY_NAME", "this release")
        yield (
            f"docker.source: {name} takes Docker from Docker's own repository, which this host"
            f" cannot reach ({error}); fix: give the host a way there, install Docker by hand, or"
            f" use a release with a new enough Docker of its own"
            f' ({distributions.with_own_docker()}; docker.source = "distribution")'
        )
    try:
        existing = json.loads(facts["daemon_json"] or "{}")
    except ValueError as error:
        yield f"/etc/docker/daemon.json is not JSON ({error}); fix: mend or remove it"
        return
    if not isinstance(existing, dict):
        yield "/etc/docker/daemon.json is not a JSON object; fix: mend or remove it"
    elif existing.get("userns-remap"):
        yield (
            "/etc/docker/daemon.json sets userns-remap: containers could not own /data;"
            " fix: remove it"
        )


def release_problems(facts: Facts) -> Iterator[str]:
    """What a newer release wrote may mean nothing to an older one."""
    deployed = facts.get("release", "")
    if releases.is_older(VERSION, deployed):
        yield (
            f"the host has release {deployed}, newer than this checkout's {VERSION}; fix: git pull,"
            " or, knowing that state written by the newer one may not be understood, add"
            f" --data {ALLOW_DOWNGRADE}=true"
        )


def problems(settings: Settings, facts: Facts, *, downgrade: bool = False) -> list[str]:
    """All that stands in the way, each with its fix. `downgrade`: an older release may come."""
    return [
        *(() if downgrade else release_problems(facts)),
        *system_problems(facts),
        *storage_problems(settings, facts),
        *address_problems(settings, facts),
        *docker_problems(facts),
    ]


def paths(settings: Settings) -> dict[str, str]:
    """The places whose disks matter."""
    return {
        "config": settings.storage.config,
        "data": settings.storage.data,
        "docker": "/var/lib/docker",
    }


def question(settings: Settings) -> dict[str, Any]:
    """What remote/preflight.py is asked."""
    keys = distributions.docker_keys(settings.docker.source)
    return {"paths": paths(settings), "docker_keys": keys}


def may_be_older() -> bool:
    """Whether this run's --data allows an older release over a newer one."""
    return str(host.data.get(ALLOW_DOWNGRADE)).lower() == "true"


def check(settings: Settings) -> Seen:
    """Read the host once. Raise PyinfraError naming every problem; nothing has changed then."""
    facts = host.get_fact(
        Answer, about="preflight", _stdin=program("preflight", "check", question(settings))
    )
    if facts is None:
        raise PyinfraError(f"{host.name}: python3 is missing; fix: apt-get install python3")
    found = problems(settings, facts, downgrade=may_be_older())
    if found:
        raise PyinfraError("\n".join(f"{host.name}: {one}" for one in found))
    distribution = distributions.find(facts["os_release"])
    if distribution is None:  # already among the problems
        raise PyinfraError(f"{host.name}: unsupported distribution")
    wanted = settings.network.bind_address
    return Seen(
        host_name=facts["host_name"],
        bind_address=wanted if wanted != "auto" else facts["default_address"],
        distribution=distribution,
        daemon_json=json.loads(facts["daemon_json"] or "{}"),
        data_is_mount=facts["places"]["data"]["is_mount"],
    )
