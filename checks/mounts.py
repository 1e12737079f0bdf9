"""/data absent at boot, lost at run time, stale, exchanged: nothing lands below the mount point.

Somebody always tries to write: loops inside the containers while the disk goes, and a `docker
start` by hand while it is away. The bare directory below the mount is listed from a mount namespace
of our own. Writers must be stopped, an urgent message must arrive in ntfy's topic, a deploy must
refuse and change nothing, and everything must come back by itself when the disk does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from checks import box, disk, ground, idempotence, recover, runtime
from checks.framework import Break, CheckError, Context

NAME = "mounts"
BUDGET_SECONDS = 120.0
STOP_SECONDS = 30.0
MESSAGE_SECONDS = 30.0
HUNG_SECONDS = 90.0
BACK_SECONDS = 120.0
QUIET_SECONDS = 3.0
# One that sees all of /data and one that sees a part of it.
WRITERS = {"sonarr": "/data/.check-sonarr", "qbittorrent": "/data/torrents/.check-qbittorrent"}
LOOP = "i=0; while :; do i=$((i+1)); echo $i > {path}; sleep 0.1; done"

settle = ground.settle


def prepare(context: Context) -> None:
    """The common ground, and the proof that we would see a file below the mount point."""
    ground.prepare(context)
    context.box_baseline = disk.below(context.box)
    control = disk.below(context.box, make=["/data/check-control"])
    context.control("a file below the mount point", "/data/check-control" in control)
    disk.below(context.box, remove=True)


def lost_at_run_time(context: Context) -> None:
    """`umount -l /data` while containers write."""
    with _afterwards_whole(context):
        _start_writers(context)
        bare = disk.below(context.box)
        with context.planted():
            since = disk.box_time(context.box)
            disk.lose(context.box)
            _writers_stop(context, "lost")
            _nothing_starts(context)
            _message(context, "lost", since)
            _unchanged(context, bare, "after /data was lost")
        disk.mount(context.box)
        _back(context, "lost")


def stale(context: Context) -> None:
    """The server of /data dies: every access says that the endpoint is not connected."""
    with _afterwards_whole(context):
        _start_writers(context)
        bare = disk.below(context.box)
        with context.planted():
            since = disk.box_time(context.box)
            disk.make_stale(context.box)
            _writers_stop(context, "stale")
            _message(context, "stale", since)
            _unchanged(context, bare, "while /data was stale")
        disk.lose(context.box)
        _back(context, "stale")


def hung(context: Context) -> None:
    """With --full: the server of /data goes silent, so that whoever looks waits for ever."""
    if not context.full:
        return
    with _afterwards_whole(context):
        bare = disk.below(context.box)
        since = disk.box_time(context.box)
        disk.make_hang(context.box)
        # Silence counts as loss only after several time-outs, and Docker may hang as well.
        _message(context, "hung", since, patience=HUNG_SECONDS)
        _writers_stop(context, "hung")
        _unchanged(context, bare, "while /data hung")
        disk.end_server(context.box)
        disk.lose(context.box)
        _back(context, "hung")


def exchanged(context: Context) -> None:
    """Another disk is mounted over /data: who holds the old one must be made anew."""
    with _afterwards_whole(context):
        with context.planted():
            since = disk.box_time(context.box)
            disk.replace(context.box)
            _message(context, "exchanged", since, priority=4)
            _back(context, "exchanged")
        disk.lose(context.box)
        _back(context, "exchanged_back")


def absent_at_boot(context: Context) -> None:
    """The box boots without its disk."""
    with _afterwards_whole(context):
        disk.forget_at_boot(context.box)
        with context.planted():
            bare = disk.below(context.box)
            since = disk.box_time(context.box)
            box.reboot(context.box)
            others = set(runtime.expected()) - runtime.with_data()
            try:
                took = runtime.wait_until_well(
                    context.box, context.patience(recover.WELL_SECONDS), others
                )
                context.figure("seconds_others_well_without_data", took)
            except CheckError as error:
                context.violation(f"without /data: {error}")
            for name in disk.watch_none_runs(context.box, QUIET_SECONDS):
                context.violation(f"{name} runs although /data was not mounted at boot")
            _nothing_starts(context)
            _message(context, "boot", since)
            _deploy_refuses(context)
            _unchanged(context, bare, "after a boot without /data")
        disk.mount(context.box)
        _back(context, "boot")


@contextlib.contextmanager
def _afterwards_whole(context: Context) -> Iterator[None]:
    """Whatever the case did: the disk is back, and the bare directory is as it was."""
    disk.forget_messages(context.box)
    try:
        yield
    finally:
        disk.restore(context.box)
        if disk.below(context.box) != context.box_baseline:
            disk.below(context.box, remove=True)


def _start_writers(context: Context) -> None:
    for service, path in WRITERS.items():
        box.run(context.box, f"docker exec -d {service} sh -c '{LOOP.format(path=path)}'")

    def silent() -> str:
        found = [path for path in WRITERS.values() if not _written(context, path)]
        return f"nothing in {', '.join(found)}" if found else ""

    runtime.wait_until("the writers write", silent, 10.0)
    context.control("writers that write to the disk", True)


def _written(context: Context, path: str) -> str:
    on_disk = path.replace("/data/", "/mnt/disk/", 1)
    return box.run(context.box, f"cat {on_disk} 2>/dev/null || true").strip()


def _writers_stop(context: Context, case: str) -> None:
    def still_running() -> str:
        return ", ".join(disk.running(context.box))

    try:
        took = runtime.wait_until("stopped", still_running, context.patience(STOP_SECONDS))
        context.figure(f"seconds_{case}_until_writers_stopped", took)
    except CheckError as error:
        context.violation(f"{case}: services with /data go on: {error}")


def _nothing_starts(context: Context) -> None:
    """Neither by itself nor by hand; should one start, it writes, and that must show below."""
    for service in sorted(runtime.with_data()):
        if box.succeeds(context.box, f"docker start {service}"):
            context.violation(f"`docker start {service}` works without /data")
    for service, path in WRITERS.items():
        attempt = f"docker exec {service} sh -c 'echo x > {path}'"
        if box.succeeds(context.box, f"timeout 5 {attempt}"):
            context.violation(f"{service} could write {path} without the disk")


def _message(
    context: Context,
    case: str,
    since: float,
    priority: int = 5,
    patience: float = MESSAGE_SECONDS,
) -> None:
    def missing() -> str:
        found = disk.message(context.box, since, priority)
        return "" if found else f"no message of priority {priority} in the topic"

    try:
        took = runtime.wait_until("a message", missing, context.patience(patience))
        context.figure(f"seconds_{case}_until_message_read", took)
    except CheckError as error:
        context.violation(f"{case}: {error}")


def _deploy_refuses(context: Context) -> None:
    before = box.inside(context.box, "snapshot")
    refused = box.deploy(context.box, "-y", check=False)
    if refused.code == 0:
        context.violation("a deploy without /data does not refuse")
    if "is not mounted" not in refused.output:
        context.violation("a deploy without /data does not say that it is not mounted")
    for one in idempotence.differences(before, box.inside(context.box, "snapshot")):
        context.violation(f"the refused deploy changed something: {one}")


def _unchanged(context: Context, bare: dict[str, Any], when: str) -> None:
    found = disk.below(context.box)
    for path in sorted(found.keys() | bare.keys()):
        if found.get(path) != bare.get(path):
            context.violation(f"{path} below the mount point changed {when}")


def _back(context: Context, case: str) -> None:
    try:
        took = disk.wait_until_back(context.box, context.patience(BACK_SECONDS))
        context.figure(f"seconds_{case}_until_back", took)
    except CheckError as error:
        context.violation(f"{case}: {error}")


@contextlib.contextmanager
def sentinel_below(context: Context) -> Iterator[None]:
    """Below the mount point lies a sentinel as well: the guard is fooled."""
    places = [".mediastack-sentinel", "torrents/keep", "media/keep", "usenet/keep"]
    disk.below(context.box, make=[f"/data/{place}" for place in places])
    yield


@contextlib.contextmanager
def host_path_created(context: Context) -> Iterator[None]:
    """A container without the sentinel, whose host path Docker creates."""
    name = "check-careless"
    image = box.run(context.box, "docker inspect --format '{{.Image}}' ntfy").strip()
    run = f"docker run -d --name {name} -v /data/media/x:/x --entrypoint sleep {image} 60"
    wait = "for i in $(seq 100); do mountpoint -q /data || break; sleep 0.1; done"
    box.run(context.box, f"nohup sh -c '{wait}; {run}' >/dev/null 2>&1 &")
    try:
        yield
    finally:
        box.run(context.box, f"docker rm -f {name}", check=False)


CASES = {
    "lost": lost_at_run_time,
    "stale": stale,
    "hung": hung,
    "exchanged": exchanged,
    "boot": absent_at_boot,
}
BREAKS = {
    "keeper-paused": Break("lost", recover.keeper_paused),
    "host-path-created": Break("lost", host_path_created),
    "sentinel-below": Break("boot", sentinel_below),
    "keeper-paused-exchanged": Break("exchanged", recover.keeper_paused),
}
