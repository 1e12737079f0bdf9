"""Containers: the wanted ones, from the wanted images, with no more powers than described.

Where Docker only says what it was asked for, the kernel is asked what is: capabilities, users and
namespaces come from /proc of the container's first process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import render
from mediastack import image_lock, image_names
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
Container = dict[str, Any]
LABEL = "io.mediastack.service"
# In the order of their bits (linux/capability.h).
CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
PERFMON BPF CHECKPOINT_RESTORE
"""
BITS = {name: bit for bit, name in enumerate(CAPABILITIES.split())}
DOCKER_DEFAULT = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE
SYS_CHROOT KILL AUDIT_WRITE
"""
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
SOCKET_PARENTS = ("/", "/run", "/var/run", "/var")


def ours(observed: Observed) -> dict[str, list[Container]]:
    """Our containers by service."""
    found: dict[str, list[Container]] = {}
    for container in observed["containers"]:
        if name := (container["Config"].get("Labels") or {}).get(LABEL):
            found.setdefault(name, []).append(container)
    return found


def find(observed: Observed, service: str) -> Container | None:
    """A service's container, when there is exactly one and it runs.

    One whose process was gone by the time it was looked at has ended, whatever Docker had said.
    """
    found = ours(observed).get(service, [])
    alone = found[0] if len(found) == 1 else None
    runs = alone and alone["State"]["Running"] and alone["Id"] in observed["processes"]
    return alone if runs else None


def stopped_by(expected: Expected, observed: Observed, service: str) -> str:
    """Who stopped a service on purpose, itself or the owner of its namespace; "" for nobody."""
    holder = render.owner(expected.settings)
    inside = service in expected.services and expected.services[service].zone == "vpn"
    for name in (service, holder.name if holder and inside else service):
        if name in observed["intent"]:
            return str(observed["intent"][name].get("by") or "somebody")
    return ""


def stays_stopped(expected: Expected, observed: Observed) -> Iterator[str]:
    """What somebody stopped by our verbs does not run behind their back."""
    for name in expected.services:
        if name in observed["intent"] and find(observed, name):
            by = stopped_by(expected, observed, name)
            yield f"{name} was stopped by {by} and runs; {manage(expected, name)}, or down"


def manage(expected: Expected, service: str, verb: str = "up") -> str:
    """The repair."""
    return f"fix: stack-manage.sh {expected.services[service].stack} {verb} {service}"


def runs(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """One container of its name runs, and passes its health check."""
    found = ours(observed).get(service, [])
    if not found:
        yield f"{service} has no container; {manage(expected, service)}"
        return
    if [one["Name"] for one in found] != [f"/{service}"]:
        names = ", ".join(one["Name"].lstrip("/") for one in found)
        yield f"{service} is {names}; {DEPLOY}"
    state = found[0]["State"]
    if state["Status"] != "running":
        yield f"{service} is {state['Status']}; {manage(expected, service)}"
        return
    health = (state.get("Health") or {}).get("Status", "none")
    image = observed["images"].get(found[0]["Image"], {}).get("Config") or {}
    checked = expected.services[service].health is not None or bool(image.get("Healthcheck"))
    if checked and health != "healthy":
        yield f"{service}'s health is {health}; {manage(expected, service, 'logs')}"


def described(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It was made from the deployed description and sees the files that are on disk."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    wanted = expected.config["services"][service]["config_hash"]
    found = container["Config"]["Labels"].get("io.mediastack.config")
    if found != wanted:
        yield f"{service} was made from another description ({found}, not {wanted}); {DEPLOY}"
    for target in observed["processes"][container["Id"]]["other_mounts"]:
        yield f"{service} sees another {target} than the host; {manage(expected, service)}"


def mounts(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It mounts what the catalog says, as writable as the catalog says, and nothing else."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    wanted = {
        (one["source"], one["target"], not one["read_only"])
        for one in render.volumes(expected.settings, expected.services[service])
    }
    found = {
        (one["Source"], one["Destination"], one["RW"])
        for one in container["Mounts"]
        if one["Type"] == "bind"
    }
    for source, target, writable in sorted(wanted ^ found):
        verb = "does not mount" if (source, target, writable) in wanted else "mounts"
        how = "writable" if writable else "read-only"
        yield f"{service} {verb} {source} on {target} ({how}); {DEPLOY}"


def environment(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It was told what the catalog tells it, and nothing else. Values are not shown."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    own = (observed["images"].get(container["Image"], {}).get("Config") or {}).get("Env") or []
    built_in = dict(one.split("=", 1) for one in own if "=" in one)
    found = dict(one.split("=", 1) for one in container["Config"].get("Env") or [] if "=" in one)
    wanted = {**built_in, **expected.environment_of(service)}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{service} is not told {name}; {DEPLOY}"
        elif name not in wanted:
            yield f"{service} is told {name}, which no setting names; {DEPLOY}"
        elif found[name] != wanted[name]:
            yield f"{service} is told another {name}; {DEPLOY}"


def hardlink(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Where a container writes to both torrents and media, a file can be linked from one to the
    other inside it, by the account that owns the media."""
    problem = observed.get("links_inside", {}).get(service)
    if problem:
        data = expected.settings.storage.data
        yield f"{service}: no hardlink from torrents to media inside: {problem}; fix: mount {data}"


def image(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It runs the digest of the image lock, the lock is within the catalog's range, and What's Up
    Docker sees it, which it does by the image's own tag."""
    locked = ((observed["lock"] or {}).get("services") or {}).get(service)
    if locked is None:
        yield f"{service} is not in the image lock; {DEPLOY}"
        return
    catalog = expected.config["services"][service]["image"]
    reference = f"{locked['image']}@{locked['digest']}"
    if image_lock.choose(locked, catalog) != reference:
        yield f"{service} is locked to {locked['image']}, outside of {catalog}; {DEPLOY}"
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    repository, _tag = image_lock.split(locked["image"])
    found = observed["images"].get(container["Image"], {})
    digests = found.get("RepoDigests") or []
    # Docker shortens its own registry's names.
    short = repository.removeprefix("docker.io/").removeprefix("library/")
    if not {f"{name}@{locked['digest']}" for name in (repository, short)} & set(digests):
        have = ", ".join(digests) or container["Image"]
        yield f"{service} runs {have} instead of {reference}; {DEPLOY}"
        return
    pinned = expected.services[service].updates == "pinned"
    if not pinned and not image_names.has_its_tag(reference, found):
        fix = f"docker tag {reference} {locked['image']}"
        yield f"{service} has an image without its tag, whose updates nobody sees; fix: {fix}"


def restart_policy(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Docker restarts all but the vpn zone, which must wait for its owner: the keeper starts it."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    wanted = "no" if expected.services[service].zone == "vpn" else "unless-stopped"
    found = container["HostConfig"]["RestartPolicy"].get("Name") or "no"
    if found != wanted:
        yield f"{service} has restart policy {found} instead of {wanted}; {DEPLOY}"


def powers(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Its first process has exactly the catalog's capabilities and can never gain more."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    process = observed["processes"][container["Id"]]
    capabilities = expected.services[service].capabilities
    wanted = set(DOCKER_DEFAULT.split() if capabilities is None else capabilities)
    found = {name for name, bit in BITS.items() if process["capabilities"] >> bit & 1}
    if found - wanted:
        yield f"{service} has the capabilities {', '.join(sorted(found - wanted))}; {DEPLOY}"
    if wanted - found:
        yield f"{service} lacks the capabilities {', '.join(sorted(wanted - found))}; {DEPLOY}"
    if not process["no_new_privileges"]:
        yield f"{service} may gain privileges; {DEPLOY}"
    if container["HostConfig"].get("Privileged"):
        yield f"{service} is privileged; {DEPLOY}"


def user(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """A service that shall run as PUID:PGID from the start does."""
    entry, container = expected.services[service], find(observed, service)
    if container is None:
        yield f"{service} does not run"
    elif entry.identity == "user":
        process = observed["processes"][container["Id"]]
        found, wanted = (process["uid"], process["gid"]), render.owner_ids(expected.settings, entry)
        if found != wanted:
            have, want = f"{found[0]}:{found[1]}", f"{wanted[0]}:{wanted[1]}"
            yield f"{service} runs as {have} instead of {want}; {DEPLOY}"


def logs(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Its log cannot fill the disk. Docker decides that when it makes a container."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    log = container["HostConfig"]["LogConfig"]
    if log["Type"] != "json-file":
        yield f"{service} logs to {log['Type']}, which the deploy did not ask for; {DEPLOY}"
    elif not (log.get("Config") or {}).get("max-size"):
        yield f"{service} logs without limit; fix: docker rm -f {service}, then run the deploy"


def absent(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """A service that is switched off has no container."""
    if service in ours(observed):
        yield f"{service} is switched off but has a container; {DEPLOY}"


def no_strangers(expected: Expected, observed: Observed) -> Iterator[str]:
    """Every container with our label is of a service of these settings."""
    for name in sorted(ours(observed).keys() - expected.settings.services.keys()):
        yield f"container {name} is of no service in the settings; {DEPLOY}"


def docker_socket(expected: Expected, observed: Observed) -> Iterator[str]:
    """Of our containers only the socket proxies hold Docker's socket."""
    proxies = {name for name, one in expected.services.items() if one.socket_proxy}
    for name, containers in ours(observed).items():
        for mount in (mount for one in containers for mount in one["Mounts"]):
            if mount["Source"] in (*SOCKETS, *SOCKET_PARENTS) and name not in proxies:
                yield f"{name} mounts {mount['Source']}: it is root on this host; {DEPLOY}"
