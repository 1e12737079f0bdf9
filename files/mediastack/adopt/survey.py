"""What is there, what would change, and what forbids it: looked at before anything is done.

Everything that is wrong is said at once. Nothing here writes, neither to theirs nor to ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from mediastack import intent, observe, plan
from mediastack.adopt import copy, house, in_use, keys, newer, plain, tailor, tree
from mediastack.adopt.house import Refusal, Source
from mediastack.docker_engine import Engine
from mediastack.restore import inflight as restores
from mediastack.updater import inflight

DATA = "/data"


class Proposal(NamedTuple):
    """What an adoption of one service would be; `replaced` bytes of ours would go."""

    source: Source
    size: tree.Size
    notes: tuple[str, ...]
    replaced: int


def look(config: dict[str, Any], docker: Engine, sources: Sequence[Source]) -> list[Proposal]:
    """Return what each would be. Raise Refusal with everything that is wrong, NotReachable."""
    found, problems = [], _together(config, docker, sources)
    for source in sources:
        try:
            found.append(_one(config, docker, source))
        except Refusal as refusal:
            problems.append(_named(source.service, str(refusal)))
        except OSError as error:
            problems.append(f"{source.service}: {error.filename}: {error.strerror}")
    if not problems:
        try:
            copy.require_room(config, sum(one.size.bytes for one in found))
        except Refusal as refusal:
            problems.append(str(refusal))
    if problems:
        raise Refusal("\n".join(problems))
    return found


def tailored(config: dict[str, Any], source: Source, root: str) -> dict[str, tailor.Tailored]:
    """Return {path below root: what it is to become} of the files that our house relies on.

    Raise Refusal, OSError.
    """
    found = {}
    for seed in house.seeds(config, source.service):
        top = config["services"][source.service]["config"]
        relative = os.path.relpath(seed["destination"], top)
        editor = tailor.EDITORS.get(os.path.basename(relative))
        if editor is None:
            continue
        try:
            text = plain.read(root, relative)
        except UnicodeDecodeError as error:
            raise Refusal(f"{os.path.join(root, relative)}: is no text") from error
        given = (_given_key(source),) if editor is tailor.arr else ()
        found[relative] = editor(text, keys.seed_text(config, seed), *given)
    return found


def _together(config: dict[str, Any], docker: Engine, sources: Sequence[Source]) -> list[str]:
    """What is wrong with all of them, or with this host now."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    for source in sources:
        real = os.path.realpath(source.path)
        if real in seen:
            problems.append(f"{source.service}: {source.path} is {seen[real]}'s already")
        seen[real] = source.service
    observation = observe.observe(config, docker)
    up = {one["service"] for one in observation["containers"] if one["status"] == "running"}
    wanted = [one for one in sources if one.service not in intent.stopped()]
    if restores.read() is not None:
        problems.append(
            "a restore was begun and is not over; end it first: stack-manage.sh restore --resume"
        )
    held = inflight.held().keys() | inflight.in_work()
    problems += [f"{one.service}: its update is under way; run it again when that is over"
                 for one in sources if one.service in held]  # fmt: skip
    joined = [one.service for one in wanted if config["services"][one.service]["zone"] == "vpn"]
    if joined and not plan.owner_is_up(config, observation):
        owner = plan.owner_name(config)
        problems.append(
            f"{', '.join(joined)}: in the network of {owner}, which is not well, so they could not"
            f" be tried; mend that first: stack-manage.sh doctor"
        )
    for source in wanted:
        if why := _same_port(config, source, up):
            problems.append(why)
    return problems


def _same_port(config: dict[str, Any], source: Source, up: set[str]) -> str:
    """Why ours could not start beside theirs, "" when it could: only one can have a port."""
    entry, theirs = config["services"][source.service], source.container
    if theirs is None or not theirs.running:
        return ""
    port = int(entry["published_port"])
    publisher = plan.owner_name(config) if entry["zone"] == "vpn" else source.service
    ours_has_it = publisher in up and entry["zone"] != "host"
    if port and not ours_has_it and (port in theirs.ports or theirs.host_network):
        return (
            f"{source.service}: {theirs.name} has port {port} of this host, which ours needs; stop"
            f" it first: docker stop {theirs.name}"
        )
    return ""


def _one(config: dict[str, Any], docker: Engine, source: Source) -> Proposal:
    entry = config["services"][source.service]
    _require_directory(config, source)
    without = copy.without(config, source.service)
    size = tree.size(source.path, without, entry["databases"])
    _require_config(config, source, size)
    if entry.get("backup") == "stopped":
        _require_still(source)
    files = tailored(config, source, source.path)
    if why := newer.problem(config, docker, source, size.databases):
        raise Refusal(why)
    notes = [note for one in files.values() for note in one.notes]
    notes += _key_notes(config, source, files)
    notes += _mount_notes(docker, source)
    if source.is_running and source.container:
        notes.append(
            f"theirs runs on, and what it writes from now on is not in the copy; better stop it"
            f" first: docker stop {source.container.name}"
        )
    replaced = 0
    if os.path.isdir(entry["config"]):
        replaced = tree.size(entry["config"], without, ()).bytes
    return Proposal(source, size, tuple(notes), replaced)


def _require_directory(config: dict[str, Any], source: Source) -> None:
    path = source.path
    if not os.path.isabs(path):
        raise Refusal(f"{path} is no absolute path; name it from / on")
    if not os.path.isdir(path):
        raise Refusal(f"{path} is no directory on this host")
    real = _as_prefix(path)
    for ours in (config["paths"][name] for name in ("config", "etc", "state", "program")):
        top = _as_prefix(ours)
        if real.startswith(top) or top.startswith(real):
            raise Refusal(f"{path} is ours, or has ours in it; name a directory of theirs")


def _as_prefix(path: str) -> str:
    return os.path.realpath(path).rstrip(os.sep) + os.sep


def _require_config(config: dict[str, Any], source: Source, size: tree.Size) -> None:
    """Raise Refusal when this is not where such a service keeps its state."""
    expected = _expected(config, source.service)
    missing = _missing(source.path, expected, size.databases)
    if not expected and not size.files:
        raise Refusal(f"{source.path} is empty")
    if not missing:
        return
    hint = ""
    for name in sorted(os.listdir(source.path)):
        below = os.path.join(source.path, name)
        if os.path.isdir(below) and all(os.path.isfile(os.path.join(below, o)) for o in expected):
            hint = f"; did you mean {below}?"
    raise Refusal(
        f"{source.path} is no config directory of it: {', '.join(missing)} is not there, or is"
        f" something else{hint}"
    )


def _expected(config: dict[str, Any], service: str) -> list[str]:
    """What every config directory of the service has: its main database, and what it owns."""
    return [*config["services"][service]["databases"][:1], *house.relative_seeds(config, service)]


def _missing(root: str, expected: Sequence[str], databases: Sequence[str]) -> list[str]:
    def is_there(name: str) -> bool:
        if not plain.is_there(root, name):
            return False
        return name in databases or not name.endswith(tree.SUFFIXES)

    return [name for name in expected if not is_there(name)]


def _require_still(source: Source) -> None:
    """Raise Refusal while somebody may write: its files belong together, and only at rest they
    do."""
    if source.is_running and source.container:
        raise Refusal(
            f"{source.container.name} runs, and what it keeps can only be copied while it does not;"
            f" stop it first: docker stop {source.container.name}"
        )
    files = [os.path.join(source.path, path) for path, status in tree.walk(source.path, ())
             if os.path.isfile(os.path.join(source.path, path)) and status.st_nlink]  # fmt: skip
    if is_open := in_use.of(files):
        raise Refusal(
            f"{min(is_open)} is open in some program, and what it keeps can only be copied while"
            " nothing writes there; end that program first"
        )


def _key_notes(
    config: dict[str, Any], source: Source, files: dict[str, tailor.Tailored]
) -> list[str]:
    key = next((one.key for one in files.values() if one.key), "")
    if not key or not house.has_key(config, source.service):
        return []
    if key == keys.present(config, source.service):
        return []
    readers = keys.readers(config, source.service)
    also = f", and {', '.join(readers)} get it" if readers else ""
    return [f"its API key becomes ours (secrets/{source.service}/{keys.NAME}){also}"]


def _mount_notes(docker: Engine, source: Source) -> list[str]:
    """What their container sees and ours does not: paths in its settings lead there."""
    if source.container is None:
        return []
    ours = docker.inspect(source.service) or {}
    places = {one["Destination"]: one.get("Source", "") for one in ours.get("Mounts") or []}
    notes = []
    for place, path in sorted(source.container.mounts.items()):
        if path == source.path or place in ("/etc/localtime", "/etc/timezone", "/dev/net/tun"):
            continue
        if path.startswith(("/run/", "/var/run/")):
            continue
        inside = [one for one in places if place == one or place.startswith(f"{one}/")]
        if not inside:
            there = f"; ours has {DATA}" if any(one.startswith(DATA) for one in places) else ""
            notes.append(f"its {place} ({path}) is not in ours{there}: change such paths in it")
        elif place in places and os.path.realpath(places[place]) != os.path.realpath(path):
            notes.append(f"its {place} is {path}, ours is {places[place]}: other files")
    return notes


def _given_key(source: Source) -> str:
    """The key that a container of the *arr family was given beside its config.xml, which counts."""
    environment = source.container.environment if source.container else {}
    found = [value for name, value in environment.items() if name.endswith("__AUTH__APIKEY")]
    return found[0] if found else ""


def _named(service: str, text: str) -> str:
    return text if text.startswith(f"{service}:") else f"{service}: {text}"
