"""What an uninstall removes, in which order, and what it leaves and why: pure.

The order: whoever starts containers again is stopped first; then containers, networks, images; then
files, Docker's settings, packages, account. What was on the host before the first deploy comes from
before.json, which the deploy writes ahead of each such change; a host that an earlier release
deployed has none, and then packages, Docker's settings and the account stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mediastack import wall_endpoints, wall_rules
from mediastack.doctor_machine import DAEMON_SETTINGS

BEFORE = "before.json"
UPDATER = "mediastack-update.service"
UNKNOWN = "an earlier release put it there and kept no record of what was before"


class Step(NamedTuple):
    """One thing to do. `action`: "command", "stack" (Compose's down), "remove" (a path; a directory
    only when it is empty), "tree" (with all that is in it), "write" (`text` to a path)."""

    words: str
    action: str
    subject: str = ""
    command: tuple[str, ...] = ()
    text: str = ""
    may_fail: bool = False


class Plan(NamedTuple):
    """What is done, and what stays: (what, why)."""

    steps: list[Step]
    stays: list[tuple[str, str]]


def plan(seen: Mapping[str, Any], *, purge: bool) -> Plan:
    """Return the plan for what uninstall.look saw."""
    stays: list[tuple[str, str]] = []
    steps = [*_units(seen), *_docker(seen), *_wall(seen)]
    steps += _files(seen, stays, purge)
    steps += _daemon(seen, stays)
    steps += _packages(seen, stays)
    steps += _state(seen, stays, purge)
    steps += _scratch(seen)
    steps += _programs(seen)
    steps += _account(seen, stays, purge)
    return Plan(steps, stays)


def lines(made: Plan) -> list[str]:
    """Return what a person reads before agreeing."""
    text = ["This goes:"]
    text += list(dict.fromkeys(f"  {step.words}" for step in made.steps))
    text += ["  the programs in /opt/mediastack", "This stays:"]
    return [*text, *(f"  {what}: {why}" for what, why in made.stays)]


def _units(seen: Mapping[str, Any]) -> Iterator[Step]:
    # What a timer has started it does not take along: an update would make containers again.
    yield Step("units and timers", "command", UPDATER,
               ("systemctl", "stop", "--quiet", UPDATER), may_fail=True)  # fmt: skip
    names = [one["name"] for one in seen["settings"]["units"]]
    # The one that stops containers at a shutdown must not be waited for here.
    names.sort(key=lambda name: name == "mediastack-shutdown.service")
    for name in names:
        yield Step("units and timers", "command", name,
                   ("systemctl", "disable", "--now", "--quiet", name), may_fail=True)  # fmt: skip


def _docker(seen: Mapping[str, Any]) -> Iterator[Step]:
    count = len(seen["containers"])
    if count:
        for stack in seen["settings"]["stacks"]:
            yield Step(f"{count} containers", "stack", stack, may_fail=True)
        for name in seen["containers"]:
            # Down may have removed it; what is left of a hand-made one goes too.
            command = ("sh", "-c", f"! docker inspect {name} || docker rm -f -v {name}")
            yield Step(f"{count} containers", "command", name, command)
    for name in seen["networks"]:
        # The stack's own one went with the stack.
        command = ("sh", "-c", f"! docker network inspect {name} || docker network rm {name}")
        yield Step(f"network {name}", "command", name, command, may_fail=bool(seen["foreign"]))
    for reference in seen["images"]:
        command = ("sh", "-c", f"! docker image inspect {reference} || docker image rm {reference}")
        # One that somebody else's container uses stays.
        yield Step(f"{len(seen['images'])} images", "command", reference, command, may_fail=True)


def _wall(seen: Mapping[str, Any]) -> Iterator[Step]:
    """When nothing is left behind it; before the packages, nft among them, go."""
    yield Step("the second wall", "command", wall_rules.TABLE, wall_rules.removal())
    # Else the next deploy would take it for one that somebody tore down.
    state = seen["settings"]["paths"]["state"]
    for path in (f"{state}/wall.json", wall_endpoints.path(state)):
        yield Step("the second wall", "command", path, ("rm", "-f", path))


def _files(seen: Mapping[str, Any], stays: list[tuple[str, str]], purge: bool) -> Iterator[Step]:
    """What the record of managed paths holds; the programs and their configuration come last."""
    paths = seen["settings"]["paths"]
    later: tuple[str, ...] = (f"{paths['program']}/", f"{paths['state']}/", DAEMON_SETTINGS)
    later += (f"{paths['etc']}/mediastack.toml", f"{paths['etc']}/secrets")
    # Also the empty directories in there: each belongs to an app's state.
    staying = (f"{paths['config']}/", f"{paths['backups']}/")
    was_absent = set(seen["before"].get("absent", []))
    words = "managed files and directories"
    for path, made in sorted(seen["record"].items(), reverse=True):
        ours = not made["keep"] or path in was_absent or path == paths["sentinel"]
        if not purge and f"{path}/".startswith(staying):
            continue
        if path.startswith(later) or path in (paths["program"], paths["state"], paths["etc"]):
            continue
        if ours:
            yield Step(words, "remove", path)
    if any(path.startswith("/etc/systemd/") for path in seen["record"]):
        yield Step("units and timers", "command", "", ("systemctl", "daemon-reload"))
    if seen["media"]:
        stays.append((paths["data"], "your media and downloads are never removed"))


def _daemon(seen: Mapping[str, Any], stays: list[tuple[str, str]]) -> Iterator[Step]:
    if DAEMON_SETTINGS not in seen["record"]:
        return
    if "daemon_json" not in seen["before"]:
        stays.append((DAEMON_SETTINGS, UNKNOWN))
        return
    text = seen["before"]["daemon_json"]
    if text is None:
        yield Step(DAEMON_SETTINGS, "remove", DAEMON_SETTINGS)
        yield Step(DAEMON_SETTINGS, "remove", "/etc/docker")
    else:
        yield Step(f"our changes in {DAEMON_SETTINGS}", "write", DAEMON_SETTINGS, text=text)
    restart = ("sh", "-c", "! systemctl is-active -q docker || systemctl restart docker")
    yield Step(
        f"our changes in {DAEMON_SETTINGS}" if text else DAEMON_SETTINGS,
        "command",
        "docker",
        restart,
    )


def _packages(seen: Mapping[str, Any], stays: list[tuple[str, str]]) -> Iterator[Step]:
    if "packages" not in seen["before"]:
        stays.append(("packages", UNKNOWN))
        return
    others = [*seen["foreign"], *seen["volumes"]]
    if others and seen["installed"]:
        stays.append(("Docker and other packages", f"in use by {', '.join(others[:5])}"))
    elif seen["installed"]:
        yield Step(
            f"{len(seen['installed'])} packages that were not there before", "command", "packages",
            ("apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "purge", *seen["installed"]),
        )  # fmt: skip
        for path in seen["before"].get("repository", []):
            yield Step("Docker's package repository", "remove", path)
        # What the engine and containerd made while they ran, and no package owns.
        for path in ("/etc/cni/net.d", "/etc/cni"):
            yield Step("Docker's empty directories", "remove", path)
        device = ("sh", "-c", "! ip link show docker0 || ip link delete docker0")
        yield Step("Docker's network device", "command", "docker0", device, may_fail=True)
        stays.append(("/var/lib/docker, /var/lib/containerd", "what Docker keeps of its own"))
        stays.append(("Docker's packet filter rules", "they are gone with the next boot"))


def _state(seen: Mapping[str, Any], stays: list[tuple[str, str]], purge: bool) -> Iterator[Step]:
    paths = seen["settings"]["paths"]
    state = {
        paths["config"]: "the apps' state",
        paths["backups"]: "backups",
    }
    for path, what in state.items():
        if purge:
            yield Step(f"{what} in {path}", "tree", path)
        else:
            stays.append((path, f"{what}; --purge removes it"))
    parent = paths["config"].rpartition("/")[0]
    if purge and parent in seen["record"] and parent != "":
        yield Step(f"the apps' state in {paths['config']}", "remove", parent)
    if not purge:
        stays.append((f"{paths['etc']}/secrets", "keys that the apps' state needs"))
        stays.append((paths["state"], "history and the digests of images that ran"))


def _scratch(seen: Mapping[str, Any]) -> Iterator[Step]:
    """Copies of configs and what goes with them are ours; a later deploy begins anew."""
    for path in seen["scratch"]:
        yield Step("copies of the apps' state that our programs made", "tree", path)


def _programs(seen: Mapping[str, Any]) -> Iterator[Step]:
    """An account owns nothing but that directory, whose content means nothing to a later deploy."""
    words = "our programs' accounts and what they remember"
    for found in seen["programs"]:
        if found["directory"]:
            yield Step(words, "tree", found["directory"])
        if name := found["account"]:
            # Without its users' group where that is a setting of the host's.
            gone = f"userdel {name}; groupdel {name} 2>/dev/null; ! getent passwd {name}"
            yield Step(words, "command", name, ("sh", "-c", gone))


def _account(seen: Mapping[str, Any], stays: list[tuple[str, str]], purge: bool) -> Iterator[Step]:
    name = seen["account"]
    if not name or not seen["before"].get("account"):
        return
    if not purge or seen["media"]:
        stays.append((f"account {name}", "it owns what stays"))
        return
    gone = f"userdel {name}; groupdel {name} 2>/dev/null; ! getent passwd {name}"
    yield Step(f"account {name}", "command", name, ("sh", "-c", gone))
