"""What a deploy of this checkout will change on a host, in words, before it does. Pure.

Both sides are descriptions: the mediastack.toml that the last deploy left on the host and the one
that this checkout would write. What follows for files, packages, secrets and containers is not
guessed from them but asked with the deploy's own questions, so it is what the deploy will find.
Every line has a kind and a subject, which `scripts/check upgrade` compares with what then happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import releases
from shared import plan

# What a program file or a wheel is called is no news; that there are some is.
PROGRAM_PARTS = ("/lib/", "/wheels/", "/templates/", "/bin/", "/venv")
VALUES = ("host", "paths", "network", "docker", "notify", "limits", "updates")
# What follows from other settings, and is told there.
UNTOLD = {"updates.account", "updates.allowed", "updates.inbox", "updates.wud"}
# Replaced by another file, so that a container which mounts it is made anew.
REPLACED = {"absent", "missing", "differs", "stale copy"}

Config = Mapping[str, Any]
Differences = Sequence[Mapping[str, str]]


class Line(NamedTuple):
    """One thing that will change: its kind, what it concerns, and how."""

    kind: str
    subject: str
    text: str


class Answers(NamedTuple):
    """What the host said: differences of files, packages, secrets and accounts
    ({"path","problem"}), and what observe.observe saw (None: there is nothing of ours)."""

    files: Differences
    packages: Differences
    secrets: Differences
    observation: dict[str, Any] | None
    accounts: Differences = ()


def compare(recorded: Config | None, wanted: Config, answers: Answers) -> list[Line]:
    """Everything that a deploy will change on a host; `recorded` None: nothing is deployed."""
    described = [] if recorded is None else list(_described(recorded, wanted, answers))
    return [
        *version(recorded, wanted),
        *described,
        *(Line("package", one["path"], "will be installed") for one in answers.packages),
        *(Line("account", one["path"], one["problem"]) for one in answers.accounts),
        *(Line("secret", one["path"], one["problem"]) for one in answers.secrets),
        *(Line("file", one["path"], one["problem"]) for one in answers.files),
        *containers(wanted, answers),
    ]


def version(recorded: Config | None, wanted: Config) -> Iterator[Line]:
    """From which release to which, and what the changelog says of it."""
    if recorded is None:
        yield Line("version", "release", f"nothing is deployed yet -> {wanted['release']}")
        return
    if recorded["release"] == wanted["release"]:
        return
    yield Line("version", "release", f"{recorded['release']} -> {wanted['release']}")
    for section, entry in releases.changes(recorded["release"]):
        yield Line("changelog", section, entry)


def _described(recorded: Config, wanted: Config, answers: Answers) -> Iterator[Line]:
    yield from services(recorded["services"], wanted["services"])
    yield from images(recorded["services"], wanted["services"], answers.observation or {})
    yield from ports(recorded["services"], wanted["services"])
    yield from values(recorded, wanted)
    yield from units(recorded, wanted)


def services(old: Config, new: Config) -> Iterator[Line]:
    """New ones, those that go, and those that move to another stack or zone."""
    for name in new.keys() - old.keys():
        yield Line("service", name, f"new in stack {new[name]['stack']}: {new[name]['summary']}")
    for name in old.keys() - new.keys():
        state = old[name]["config"]
        kept = f"; its state stays in {state}" if state else ""
        yield Line("service", name, f"no longer wanted: its container is removed{kept}")
    for name in sorted(old.keys() & new.keys()):
        for what in ("stack", "zone"):
            if old[name][what] != new[name][what]:
                yield Line("service", name, f"{what} {old[name][what]} -> {new[name][what]}")


def images(old: Config, new: Config, observation: Mapping[str, Any]) -> Iterator[Line]:
    """Where the pin moves, and where the host has something newer already and keeps it."""
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name]["image"], new[name]["image"]
        if before == after:
            continue
        chosen = observation.get("images", {}).get(name, after)
        kept = "" if chosen.partition("@")[0] == after else f"; the host keeps its {chosen}"
        yield Line("image", name, f"{before} -> {after}{kept}")


def ports(old: Config, new: Config) -> Iterator[Line]:
    """What is published elsewhere than before, in the open or not any more."""
    for name in sorted(old.keys() | new.keys()):
        before = old.get(name, {}).get("published_port", 0)
        after = new.get(name, {}).get("published_port", 0)
        if before != after:
            shown = [str(port) if port else "none" for port in (before, after)]
            yield Line("port", name, " -> ".join(shown))


def values(recorded: Config, wanted: Config) -> Iterator[Line]:
    """Values that are others than before: defaults of ours, or settings of yours."""
    for table in VALUES:
        old, new = recorded.get(table, {}), wanted.get(table, {})
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key) and f"{table}.{key}" not in UNTOLD:
                before, after = (repr(one.get(key, "unset")) for one in (old, new))
                yield Line("value", f"{table}.{key}", f"{before} -> {after}")


def units(recorded: Config, wanted: Config) -> Iterator[Line]:
    """systemd units that come and go."""
    old, new = ({one["name"] for one in side.get("units", [])} for side in (recorded, wanted))
    yield from (Line("unit", name, "new, enabled and started") for name in sorted(new - old))
    yield from (Line("unit", name, "no longer wanted") for name in sorted(old - new))


def containers(wanted: Config, answers: Answers) -> Iterator[Line]:
    """What will be created, made anew, started or removed, and why; and what that pulls."""
    observation = answers.observation or plan.nothing_observed()
    mounted_anew(observation, answers)
    here = {container["image"] for container in observation["containers"]}
    for action in plan.plan(wanted, observation):
        name = action["service"]
        yield Line("container", name, f"{action['action']} ({action['reason']})")
        if action["action"] in ("create", "recreate"):
            image = observation["images"].get(name, wanted["services"][name]["image"])
            if image not in here:
                yield Line("pull", name, image)
    for name in sorted(observation["intents"].keys() & wanted["services"].keys()):
        yield Line("stopped", name, "stays stopped, as you asked")


def mounted_anew(observation: dict[str, Any], answers: Answers) -> None:
    """Note in the observation which mounted files the deploy will replace under containers."""
    replaced = {
        one["path"]
        for one in (*answers.files, *answers.secrets)
        if one["problem"] in REPLACED or "content differs" in one["problem"]
    }
    for container in observation["containers"]:
        if container["status"] == "running":
            container["stale_mounts"] += [
                target
                for source, target in container["mounted_files"]
                if source in replaced and target not in container["stale_mounts"]
            ]


def text(name: str, lines: Sequence[Line], program: str) -> list[str]:
    """What a person reads; files of the host programs below `program` are only counted."""
    if not lines:
        return [f"{name}: a deploy of this checkout would change nothing"]
    inner = [f"{program}{part}" for part in PROGRAM_PARTS]
    counted = [
        one for one in lines if one.kind == "file" and any(one.subject.startswith(p) for p in inner)
    ]
    shown = [f"  {one.kind:<9} {one.subject}: {one.text}" for one in lines if one not in counted]
    if counted:
        going = sum(1 for one in counted if one.text == "no longer wanted")
        shown.append(
            f"  {'programs':<9} {len(counted) - going} files below {program} new or changed, "
            f"{going} no longer wanted"
        )
    return [f"{name}: a deploy of this checkout would change", *shown]
