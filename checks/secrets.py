"""Secrets stay where they belong: every one of them is a canary, searched for everywhere else.

`made` deletes all secrets, seeds and containers, and watches the deploy that makes them again: what
pyinfra prints at its most talkative, what every process carries in its arguments and environment,
and by strace what every file was created and written with. `kept` then searches where secrets must
not be: Docker's metadata, logs, image layers, compose files, state, the checkout, what the command
line prints, and each container for the secrets of the others, as its root would see it.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checks import box, canaries, ground, runtime, watch
from checks.canaries import Canaries
from checks.framework import Break, CheckError, Context
from sandbox.state import ROOT

NAME = "secrets"
BUDGET_SECONDS = 120.0
MADE_SECONDS = 180.0
CONFIG = "/srv/mediastack/config"
BACKUPS = "/srv/mediastack/backups/restic"
# What doctor says of a repository that is gone.
BACKUPS_AGAIN = f"test -e {BACKUPS} || /opt/mediastack/bin/mediastack backup init local"
TALKATIVE = ("-vvv", "--debug", "--diff")
FULL_LEVELS = (("-v",), ("-vv",), ("-vvv",), ("-vvv", "--debug"), ("-vvv", "--debug-all"))
# Secrets, the apps' own state, and the copies of that from before updates.
ROOTS = (canaries.DIRECTORY, CONFIG, f"{CONFIG}/.mediastack-updates")
FILES = (
    *("/etc", "/opt", "/root", "/home", "/srv", "/tmp", "/usr/local", "/mnt/disk"),  # noqa: S108
    *("/run/[!c]*", "/run/containerd"),
    *("/var/[!l]*", "/var/l[!i]*", "/var/lib/[!dc]*", "/var/lib/dpkg"),
    *("/var/lib/docker/containers", "/var/lib/docker/image", "/var/lib/docker/volumes"),
    *("/var/lib/docker/network", "/var/lib/docker/overlay2/*/diff"),
)
COMMANDS = (
    "docker inspect $(docker ps -aq)",
    "docker image inspect $(docker image ls -aq)",
    "docker network inspect $(docker network ls -q)",
    "docker volume inspect $(docker volume ls -q)",
    "for image in $(docker image ls -q); do docker history --no-trunc $image; done",
    "for container in $(docker ps -aq); do docker logs $container; done",
    "docker ps -a --no-trunc",
    "journalctl --no-pager -o json",
    "ps -eo args",
    "systemctl show 'mediastack-*'",
    *(f"stack-manage.sh all {verb}" for verb in ("config", "ps", "logs")),
    *(f"stack-manage.sh {verb}" for verb in ("status", "status --json", "doctor", "history")),
)

prepare = ground.prepare


def settle(context: Context) -> None:
    """The common ground again, with a repository of the new password."""
    if context.box is not None:
        with contextlib.suppress(CheckError):
            box.run(context.box, BACKUPS_AGAIN)
    ground.settle(context)


def made(context: Context) -> None:
    """A deploy makes every secret anew, while everything is watched."""
    host = context.box
    dry = _wipe(context)
    with tempfile.TemporaryDirectory() as directory, context.planted():
        sources = context.fault_sources
        with watch.processes(context, Path(directory) / "processes"), watch.files(context):
            done = box.deploy(host, "-y", *TALKATIVE, sources=sources, as_json=False)
        context.figure("seconds_deploy", done.seconds)
        known = canaries.read(host)
        context.figure("secrets", len(known.owners))
        context.figure("forms_searched", len(known.forms))
        for name in sorted(known.found_in(done.output + dry)):
            context.violation(f"pyinfra prints {name}")
        context.figure("characters_printed", len(done.output + dry))
        for name in sorted(watch.found_in_processes(context, Path(directory) / "processes", known)):
            context.violation(f"{name} was in the arguments or environment of a process")
        for problem in watch.judge_files(context, known):
            context.violation(problem)
    runtime.wait_until_well(host, MADE_SECONDS)


def kept(context: Context) -> None:
    """On the deployed box no secret is anywhere but with its owner."""
    host = context.box
    known = canaries.read(host)
    with context.planted():
        found = box.inside(
            host,
            "search",
            wrapper="timeout 110",
            forms=known.forms,
            roots=list(FILES),
            commands=list(COMMANDS),
            containers=True,
        )
        in_checkout = _in_checkout(context, known)
    context.control(
        "a secret in the file that holds it",
        any(path.startswith(f"{canaries.DIRECTORY}/") for path, _name, _open in found["files"]),
    )
    context.control(
        "a secret in the container it belongs to",
        any(known.owners[name] == [container] for container, _path, name in found["visible"]),
    )
    for path, name, readable in found["files"]:
        if not _is_at_home(path, known.owners[name]):
            context.violation(f"{name} is in {path}")
        elif readable:
            context.violation(f"{path}, which holds {name}, can be read by anybody")
    for command, name in sorted(map(tuple, found["printed"])):
        context.violation(f"{name} is printed by `{command}`")
    for container, path, name in found["visible"]:
        if container not in known.owners[name]:
            context.violation(f"{container} can read {name} in {path}")
    for path in in_checkout:
        context.violation(f"a secret is in {path} of the checkout")
    context.figure("commands_searched", len(COMMANDS))
    context.figure("places_with_secrets", len(found["files"]))
    context.figure("container_views", len(found["visible"]))


def talkative(context: Context) -> None:
    """With --full: every level of verbosity, each on a deploy that makes the secrets anew."""
    for level in FULL_LEVELS if context.full else ():
        dry = _wipe(context)
        done = box.deploy(context.box, "-y", *level, as_json=False)
        for name in sorted(canaries.read(context.box).found_in(done.output + dry)):
            context.violation(f"pyinfra {' '.join(level)} prints {name}")


def _wipe(context: Context) -> str:
    """Remove secrets, what they open, and containers; return what a dry run of making them prints.

    With their password the backups are lost, so they go as well. Keeper and monitor are stopped:
    they would start what the deploy is to start. The deploy starts them too.
    """
    box.run(
        context.box,
        "systemctl stop mediastack-keeper.service mediastack-monitor.service"
        " mediastack-notify.service;"
        " docker ps -aq | xargs -r docker rm -f >/dev/null;"
        f" rm -rf {canaries.DIRECTORY} {BACKUPS}; find {CONFIG} -mindepth 2 -delete",
    )
    dry = box.deploy(context.box, "--dry", *TALKATIVE, as_json=False)
    context.control("the dry run's announcement", "absent" in dry.output)
    return dry.output


def _is_at_home(path: str, owners: list[str]) -> bool:
    """Whether a file is one of the places where a secret of these services belongs."""
    if path == f"{canaries.DIRECTORY}/{canaries.SALT}":
        return "" in owners
    homes = [f"{root}/{owner}/" for root in ROOTS for owner in owners]
    if "updater" in owners:
        # What systemd gives the door to read, in memory, and nobody else.
        homes += [f"{run}/credentials/mediastack-updater.service/" for run in ("/run", "/var/run")]
    return path.startswith(tuple(homes))


def _in_checkout(context: Context, known: Canaries) -> list[str]:
    """Tracked files (or, without git, all of the frozen copy) that hold a secret."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    paths = paths or [path for path in context.box.sources.rglob("*") if path.is_file()]
    context.control("files of the checkout", bool(paths))
    return [
        str(path)
        for path in paths
        if path.is_file() and known.found_in(path.read_text(encoding="utf-8", errors="replace"))
    ]


def _some_secret(context: Context) -> str:
    """A canary to plant: Sonarr's key, in the box only by its path."""
    if not box.succeeds(context.box, f"test -s {canaries.DIRECTORY}/sonarr/api_key"):
        raise CheckError("there is no secret to plant")
    return f"$(cat {canaries.DIRECTORY}/sonarr/api_key)"


@contextlib.contextmanager
def in_environment(context: Context) -> Iterator[None]:
    """A container has a secret in its environment."""
    secret = _some_secret(context)
    image = box.run(context.box, "docker inspect --format '{{.Image}}' ntfy").strip()
    create = f"docker create --name check-leak --env KEY={secret} {image}"
    box.run(context.box, create)
    try:
        yield
    finally:
        box.run(context.box, "docker rm -f check-leak")


@contextlib.contextmanager
def in_log(context: Context) -> Iterator[None]:
    """A program of ours logs a secret."""
    log = "/var/log/check-leak.log"
    box.run(context.box, f"echo key={_some_secret(context)} > {log}")
    try:
        yield
    finally:
        box.run(context.box, f"rm {log}")


@contextlib.contextmanager
def in_compose(context: Context) -> Iterator[None]:
    """A compose file has a secret in it, base64-encoded inside a login."""
    login = f"$(printf 'user:%s' {_some_secret(context)} | base64 -w0)"
    path = "/opt/mediastack/stacks/media/compose.yaml"
    box.run(context.box, f"cp -p {path} /run/check-compose && echo '# '{login} >> {path}")
    try:
        yield
    finally:
        box.run(context.box, f"mv /run/check-compose {path}")


@contextlib.contextmanager
def mounted(context: Context) -> Iterator[None]:
    """The whole secrets directory is mounted into a container."""
    image = box.run(context.box, "docker inspect --format '{{.Image}}' ntfy").strip()
    volume = f"{canaries.DIRECTORY}:/secrets:ro"
    box.run(
        context.box,
        f"docker run -d --name check-leak -v {volume} --entrypoint sleep {image} 300",
    )
    try:
        yield
    finally:
        box.run(context.box, "docker rm -f check-leak")


@contextlib.contextmanager
def wide_for_an_instant(context: Context) -> Iterator[None]:
    """A secret's file is created 0644 and narrowed afterwards."""
    path = "files/mediastack/atomic.py"
    with ground.edited(
        context, path, "os.open(temporary, flags, 0o600)", "os.open(temporary, flags)"
    ):
        yield


@contextlib.contextmanager
def printed(context: Context) -> Iterator[None]:
    """An operation shows what it was given."""
    seal = "    sealed = Sealed([json.dumps(wanted.specification)])\n"
    with ground.edited(context, "operations.py", seal, f"{seal}    logger.debug(sealed[0])\n"):
        yield


@contextlib.contextmanager
def in_arguments(context: Context) -> Iterator[None]:
    """A user's secret travels in a command line."""
    command = 'yield StringCommand(path, "secrets-apply", _stdin=sealed)'
    leak = 'yield StringCommand("true", *wanted.specification["values"].values())'
    with ground.edited(context, "operations.py", command, f"{leak}\n    {command}"):
        yield


CASES = {"made": made, "kept": kept, "talkative": talkative}
BREAKS = {
    "in-environment": Break("kept", in_environment),
    "in-log": Break("kept", in_log),
    "in-compose": Break("kept", in_compose),
    "mounted": Break("kept", mounted),
    "wide-for-an-instant": Break("made", wide_for_an_instant),
    "printed": Break("made", printed),
    "in-arguments": Break("made", in_arguments),
}
