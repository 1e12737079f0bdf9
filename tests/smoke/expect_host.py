"""The machine: packages, account, units, Docker's live configuration, /data, the host programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from host_configuration import HELPER_UNITS
from mediastack import disk_space, doctor_door
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
GUARD = "mediastack-disk-guard.service"
SILENT_SECONDS = 120
# systemd's words for "never".
NEVER = ("", "0", "infinity", "n/a")


def package(expected: Expected, observed: Observed, name: str) -> Iterator[str]:
    """A package is installed, not only known or half removed."""
    status = observed["packages"].get(name, "not installed")
    if status != "installed":
        yield f"package {name} is {status}; {DEPLOY}"


def account(expected: Expected, observed: Observed) -> Iterator[str]:
    """The numbers that own media and state have names."""
    host = expected.settings.host
    if not observed["user"]:
        yield f"uid {host.puid} has no user; {DEPLOY}"
    if not observed["group"]:
        yield f"gid {host.pgid} has no group; {DEPLOY}"


def monitor(expected: Expected, observed: Observed) -> Iterator[str]:
    """The monitor's account can do nothing but watch: no login, no group, and only its own
    directory and the healer's door are open to it, and to nobody else."""
    table = expected.config["monitor"]
    if table:
        places = (("directory", table["directory"], "0750"), ("socket", table["socket"], "0600"))
        yield from fenced(table["account"], observed["monitor"], places)


def door(expected: Expected, observed: Observed) -> Iterator[str]:
    """The updater's door can do nothing but take deliveries, at the gateway's address alone, from
    nobody without a token; and What's Up Docker reaches it."""
    table, found = expected.config["updates"], observed["door"]
    yield from fenced(table["account"], found, (("directory", table["inbox"], "0700"),))
    gateway, port = expected.config["network"]["gateway"], table["port"]
    at = sorted(one["address"] for one in observed["listeners"] if one["port"] == port)
    if at != [gateway]:
        yield f"port {port} is open at {' '.join(at) or 'no address'}, not {gateway}; {DEPLOY}"
    for question, wanted in doctor_door.ANSWERS.items():
        if found["answers"][question] != wanted:
            yield f"the door answers {found['answers'][question]} to {question}, not {wanted}"
    if table["wud"] and not observed["intent"].get("wud") and found["reach"]:
        yield f"What's Up Docker does not reach the door: {found['reach']}"


def disk_guard(expected: Expected, observed: Observed) -> Iterator[str]:
    """The disk guard looks, sees the disks that downloads can fill, and knows the settings."""
    found = observed["disk_guard"]
    report, paths = found["report"] or {}, expected.config["paths"]
    if not report or not 0 <= found["age"] < SILENT_SECONDS:
        yield f"the disk guard says nothing; fix: systemctl restart {GUARD}"
        return
    disks = {path: disk for disk in report["disks"] for path in disk["paths"]}
    for path in (paths["data"], paths["config"]):
        if path not in disks:
            yield f"the disk guard does not see {path}; fix: mount it"
            continue
        for name in ("warn", "pause", "resume"):
            wanted = disk_space.parse(expected.config["disk"][name]).of(disks[path]["total"])
            if disks[path][name] != wanted:
                yield f"the disk guard has another disk.{name} for {path}; {DEPLOY}"


def fenced(name: str, found: Observed, places: tuple[tuple[str, str, str], ...]) -> Iterator[str]:
    """An account is there, may nothing, and owns places (kind, path, mode) that others do not."""
    fields = found["passwd"].split(":")
    if fields[0] != name:
        yield f"user {name} does not exist; {DEPLOY}"
        return
    uid, shell = int(fields[2]), fields[6]
    if uid == 0 or not shell.endswith(("nologin", "false")):
        yield f"user {name} is {uid} with the shell {shell}; {DEPLOY}"
    if found["groups"] != [name]:
        yield f"user {name} is in the groups {' '.join(found['groups'])}; {DEPLOY}"
    for kind, path, mode in places:
        seen = found[kind] or {"kind": "absent"}
        if seen["kind"] != kind:
            yield f"{path} is {seen['kind']} instead of a {kind}; {DEPLOY}"
        elif (seen["mode"], seen["uid"]) != (mode, uid):
            have = f"{seen['uid']}'s, {seen['mode']}"
            yield f"{path}: {have} instead of {uid}'s, {mode}; {DEPLOY}"


def unit(expected: Expected, observed: Observed, name: str) -> Iterator[str]:
    """A unit is loaded as it is on disk, enabled and active; a timer will fire again; a daemon
    runs the release that is installed."""
    found = observed["units"].get(name, {})
    load = found.get("LoadState", "unknown")
    if load == "masked":
        yield f"{name} is masked; fix: systemctl unmask {name}, then run the deploy"
        return
    if load != "loaded":
        yield f"{name} is {load}; {DEPLOY}"
        return
    if found.get("NeedDaemonReload") == "yes":
        yield f"{name} was changed after systemd read it; fix: systemctl daemon-reload"
    if found["UnitFileState"] != "enabled":
        yield f"{name} is {found['UnitFileState']}; {DEPLOY}"
    if found["ActiveState"] != "active":
        yield f"{name} is {found['ActiveState']}; fix: systemctl restart {name}"
    next_time = found.get("NextElapseUSecRealtime", ""), found.get("NextElapseUSecMonotonic", "")
    # While what it starts is at work systemd does not know the next time yet.
    waits = expected.units[name] == "timer" and found.get("SubState") != "running"
    if waits and all(one in NEVER for one in next_time):
        yield f"{name} will never fire; fix: systemctl restart {name}"
    if found.get("release") and found["release"] != expected.config["release"]:
        yield f"{name} runs {found['release']}, not {expected.config['release']}; {DEPLOY}"


def helpers(expected: Expected, observed: Observed) -> Iterator[str]:
    """What timers and paths start can be started."""
    for name in HELPER_UNITS:
        load = observed["units"].get(name, {}).get("LoadState", "unknown")
        if load != "loaded":
            yield f"{name} is {load}; {DEPLOY}"


def docker_configuration(expected: Expected, observed: Observed) -> Iterator[str]:
    """The Docker that runs has read the daemon.json that is on disk."""
    info = observed["docker"] or {}
    if not info.get("ServerVersion"):
        yield "Docker does not answer; fix: systemctl restart docker"
        return
    if not info["LiveRestoreEnabled"]:
        yield "Docker's live-restore is off; fix: systemctl restart docker"
    if info["LoggingDriver"] != "json-file":
        yield f"Docker logs to {info['LoggingDriver']}; fix: systemctl restart docker"
    registries = (info.get("RegistryConfig") or {}).get("IndexConfigs") or {}
    for one in expected.settings.docker.insecure_registries:
        if registries.get(one, {}).get("Secure", True):
            yield f"Docker does not know the registry {one}; fix: systemctl restart docker"


def data(expected: Expected, observed: Observed) -> Iterator[str]:
    """The media disk is there: mounted as the deploy found it, marked, and one file system."""
    found, path = observed["data"], expected.settings.storage.data
    if not found["answers"]:
        yield f"{path} does not answer; fix: mount {path} again"
        return
    recorded = (observed["data_record"] or {}).get("is_mount")
    if recorded != found["is_mount"]:
        state = "is mounted" if found["is_mount"] else "is not mounted"
        yield f"{path} {state}, unlike at the deploy; fix: mount {path} or run the deploy"
    if not found["sentinel"]:
        yield f"{expected.config['paths']['sentinel']} is gone; fix: mount {path}, run the deploy"
    for inside in found["inside"]:
        yield f"{inside} is another file system; fix: one file system for all of {path}"


def hardlinks(expected: Expected, observed: Observed) -> Iterator[str]:
    """What was downloaded can become media without a copy."""
    if observed["data"]["hardlink"]:
        yield f"no hardlink from torrents to media: {observed['data']['hardlink']}"


def release(expected: Expected, observed: Observed) -> Iterator[str]:
    """`stack-manage.sh version` answers with the release of this checkout."""
    lines = observed["version"].splitlines() or ["nothing"]
    if lines[0] != f"mediastack {expected.config['release']}":
        yield f"the host runs {lines[0]}, not {expected.config['release']}; {DEPLOY}"
