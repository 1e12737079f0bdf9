"""What can be mutated in a deployed box, each with the name under which it has to show up.

Left out is what no honest comparison can have: the keeper (held), Gluetun (it takes nine others
along), the user's media, Docker's own settings (with them the engine restarts, and every health
starts anew), and the absence of the host's own programs, without which it cannot answer.
"""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import door_configuration
from checks import runtime

NETWORK = "check-drift"
PROGRAMS = ("/opt/mediastack/bin/", "/opt/mediastack/lib/")
EXTRA = "/opt/mediastack/lib/mediastack/no_longer_wanted.py"
RECORD = "/var/lib/mediastack/managed.json"
# Held, or the one that stops every container when it is stopped.
UNITS_LEFT_ALONE = (
    *(*runtime.MENDERS.split(), runtime.DOOR, "mediastack-shutdown.service"),
    # One stops with the other.
    *(door_configuration.SOCKET, door_configuration.SERVICE),
)


class Mutation(NamedTuple):
    """A command in the box, and what has to be named because of it (the first is its subject)."""

    kind: str
    command: str
    subjects: tuple[str, ...]


def mutations(config: dict[str, Any], state: dict[str, Any]) -> list[Mutation]:
    """Every mutation that this box allows."""
    found: list[Mutation] = []
    for entry in config["files"]:
        found += of_path(entry)
    for unit in config["units"]:
        if unit["name"] not in UNITS_LEFT_ALONE:
            found += of_unit(unit["name"])
    for name, service in config["services"].items():
        found += of_container(name, service)
    found += of_secrets(config, state["containers"])
    found.append(Mutation("package removed", "apt-get -qq remove -y python3-venv >/dev/null",
                          ("python3-venv",)))  # fmt: skip
    found.append(Mutation("no longer wanted", stale_file(), (EXTRA,)))
    return found


def of_path(entry: dict[str, Any]) -> list[Mutation]:
    """Mode and owner of what is there; content and absence of files.

    Docker's settings are left out: with them the engine restarts, and every health starts anew.
    """
    path, kind = entry["path"], entry["kind"]
    if path == "/etc/docker/daemon.json" or path.startswith("/data"):
        return []
    quoted = shlex.quote(path)
    if kind == "link":
        return (
            []
            if path.startswith("/usr/local/sbin")
            else [
                Mutation("link absent", f"rm {quoted}", (path,)),
                Mutation("link elsewhere", f"ln -sfn /nowhere {quoted}", (path,)),
            ]
        )
    mode = int(entry["mode"], 8) ^ 0o010
    found = [
        Mutation(f"{kind} mode", f"chmod {mode:04o} {quoted}", (path,)),
        Mutation(f"{kind} owner", f"chown 65534:65534 {quoted}", (path,)),
    ]
    # A unit's file is read again by systemd, which is another subject.
    if kind == "file" and not path.startswith("/etc/systemd"):
        found.append(Mutation("file content", f"printf '\\n# by hand\\n' >> {quoted}", (path,)))
    # Without its programs a host cannot say how its containers are: then --dry ends with that.
    if kind == "file" and not path.startswith(("/etc/systemd", *PROGRAMS)):
        found += [
            Mutation("file absent", f"rm {quoted}", (path,)),
            Mutation("file is a link", f"ln -sf /dev/null {quoted}", (path,)),
        ]
    return found


def of_unit(name: str) -> list[Mutation]:
    """Stopped, switched off, masked."""
    path = f"/etc/systemd/system/{name}"
    masked = f"systemctl stop {name}; ln -sf /dev/null {path}; systemctl daemon-reload"
    return [
        Mutation("unit stopped", f"systemctl stop {name}", (name,)),
        Mutation("unit disabled", f"systemctl disable --quiet {name}", (name,)),
        Mutation("unit masked", masked, (name, path)),
    ]


def of_container(name: str, service: dict[str, Any]) -> list[Mutation]:
    """Gone, or changed by hand. Gluetun takes nine others along, which slows every round."""
    if service["owner"]:
        return []
    wanted = service["attached"]["restart"]
    other = "always" if wanted == "no" else "no"
    found = [
        Mutation("container gone", f"docker rm --force {name} >/dev/null", (name,)),
        Mutation("restart policy", f"docker update --restart={other} {name} >/dev/null", (name,)),
    ]
    for network in service["attached"]["networks"]:
        leave = f"docker network disconnect {network} {name}"
        found.append(Mutation("network left", leave, (name,)))
    if service["zone"] == "bridge":
        join = f"docker network connect {NETWORK} {name}"
        found.append(Mutation("network joined", join, (name,)))
    return found


def of_secrets(config: dict[str, Any], containers: dict[str, Any]) -> list[Mutation]:
    """Modes and owners of all; content and absence of what has a source on the host."""
    top = f"{config['paths']['etc']}/secrets"
    found: list[Mutation] = []
    for entry in config["secrets"]:
        path = f"{top}/{entry['service']}/{entry['name']}"
        if not entry["required"]:
            continue
        found += [
            Mutation("secret mode", f"chmod 0444 {path}", (path,)),
            Mutation("secret owner", f"chown 65534 {path}", (path,)),
        ]
        if entry["origin"] == "copy":
            # A container that mounts it is made anew, and named as well.
            mounts = containers.get(entry["service"], {}).get("mounts", [])
            mounted = any(source == path for source, _ in mounts)
            subjects = (path, entry["service"]) if mounted else (path,)
            found += [
                Mutation("copy changed", f"printf by-hand > {path}", subjects),
                Mutation("copy gone", f"rm {path}", subjects),
            ]
    return found


def stale_file() -> str:
    """A file that the record says we placed, and nothing wants."""
    program = (
        f"import json; path = {RECORD!r}; record = json.load(open(path));"
        f" record[{EXTRA!r}] = dict(kind='file', keep=False);"
        " open(path, 'w').write(json.dumps(record, indent=1, sort_keys=True));"
        f" open({EXTRA!r}, 'w')"
    )
    return f"python3 -c {shlex.quote(program)}"
