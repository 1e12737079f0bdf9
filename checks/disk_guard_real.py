"""The disk guard on the box: the real qBittorrent downloads onto a small disk until that is full.

The guard's own unit watches a file system of some hundred MiB instead of /data, mounted where
qBittorrent sees it as well; a torrent comes through the tunnel from a web seed on the box's own
internet. Whether torrents run and how much room there is is asked of qBittorrent and the kernel.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from checks import box, ground
from checks.framework import CheckError, Context
from sandbox import names

MIB = 1024 * 1024
DISK = "/data/torrents/check-small"
DISK_MIB, BALLAST_MIB = 900, 400
# As the settings write them, and what they are.
THRESHOLDS = {"warn": "0.3 GiB", "pause": "0.2 GiB", "resume": "0.3 GiB"}
PAUSE = int(0.2 * 1024 * MIB)
# What the guard has to be quicker than; a few seconds of it fit between the threshold and nothing.
RATE = 20 * MIB
# More than is free with the ballast; without it there is room for all of it.
BIG_MIB = 520
SEED_PORT = 8123
SEED = f"http://203.0.113.80:{SEED_PORT}"
UNIT = "mediastack-disk-guard.service"
CLIENT = "qbittorrent"
LEDGER = "/var/lib/mediastack/ledger.jsonl"
TORRENTS = (
    {"name": "big", "mib": BIG_MIB, "seed": f"{SEED}/{BIG_MIB * MIB}/big", "limit": RATE},
    {"name": "forced", "mib": 50, "forced": True},
    {"name": "plain", "mib": 50},
    {"name": "seeding", "mib": 1, "complete": True},
    {"name": "own", "mib": 50, "stopped": True},
)
# Which of them run while downloads are paused.
PAUSED = {"big": False, "forced": False, "plain": False, "seeding": True, "own": False}
# A look every five seconds, and the time that qBittorrent and the box take.
FILL_SECONDS, PAUSE_SECONDS, NEW_SECONDS, RESUME_SECONDS = 30.0, 30.0, 20.0, 30.0
START_SECONDS = 40.0
HOLD_SECONDS = 5.0
KILLS = 3
READ_VPN = (
    "import json,sys;sys.path.insert(0,'/opt/mediastack/lib');"
    "from mediastack import config;print(json.dumps(config.load()['vpn']))"
)


def play(context: Context) -> None:
    """Fill it, watch what happens; make room, watch again."""
    ground.prepare(context)
    vpn = json.loads(
        box.run(context.box, f"/opt/mediastack/venv/bin/python -c {shlex.quote(READ_VPN)}")
    )
    with small_disk(context, vpn), seeds(context):
        started = box.run(context.box, f"wc -c <{LEDGER}").strip()
        box.run(context.box, f"fallocate -l {BALLAST_MIB}M {DISK}/ballast")
        with context.planted():
            call(context, vpn, torrents=TORRENTS)
            if fills(context, vpn) and during(context, vpn):
                goes_on(context, vpn)
        judge_history(context, int(started))


def fills(context: Context, vpn: dict[str, Any]) -> bool:
    """Downloads are paused before the disk is full; what seeds or was stopped is left alone."""
    found = wait(context, vpn, {"big": True}, PAUSE_SECONDS, hold=0.0)
    context.control("a torrent that downloads", found["seconds"] is not None)
    found = wait(context, vpn, PAUSED, context.patience(PAUSE_SECONDS) + FILL_SECONDS)
    paused = found["seconds"] is not None and found["least"] > 0
    context.control("downloaded data", named(context, vpn)["big"]["left"] < BIG_MIB * MIB)
    context.figure("real_mib_free_at_least", found["least"] / MIB)
    context.figure("real_mib_below_pause", max(0.0, (PAUSE - found["least"]) / MIB))
    if found["seconds"] is None:
        context.violation(f"downloads were not paused: {found['torrents']}")
    elif found["least"] <= 0:
        context.violation("downloads were paused when the disk was full")
    return paused


def during(context: Context, vpn: dict[str, Any]) -> bool:
    """New ones, one that its user starts, a killed guard, a restarted client: nothing downloads."""
    hashes = {name: one["hash"] for name, one in named(context, vpn).items()}
    began = time.monotonic()
    call(context, vpn, "start", [hashes["plain"]])
    call(context, vpn, torrents=[{"name": "new", "mib": 50}])
    # It runs while it is checked.
    call(context, vpn, "recheck", [hashes["own"]])
    wanted = {**PAUSED, "new": False}
    if not holds(context, vpn, wanted, NEW_SECONDS, "what was added or started was not stopped"):
        return False
    context.figure("real_seconds_to_stop_a_new_one", time.monotonic() - began - HOLD_SECONDS)
    for _ in range(KILLS):
        kill(context)
        time.sleep(context.random.uniform(0.0, 3.0))
    box.run(context.box, f"docker restart {CLIENT} >/dev/null")
    kill(context)
    return holds(context, vpn, wanted, START_SECONDS, "kills and a restart changed something")


def goes_on(context: Context, vpn: dict[str, Any]) -> None:
    """With room again, exactly those that were stopped go on."""
    began = time.monotonic()
    box.run(context.box, f"rm {DISK}/ballast")
    wanted = {**dict.fromkeys(("big", "forced", "plain", "new", "seeding"), True), "own": False}
    if not holds(context, vpn, wanted, context.patience(RESUME_SECONDS), "with room again"):
        return
    context.figure("real_seconds_to_resume", time.monotonic() - began - HOLD_SECONDS)
    there = named(context, vpn)
    forced = [name for name, one in there.items() if one["forced"]]
    if forced != ["forced"]:
        context.violation(f"forced is now {forced}, and was only one")
    deadline = time.monotonic() + FILL_SECONDS
    while there["big"]["left"] and time.monotonic() < deadline:
        time.sleep(1.0)
        there = named(context, vpn)
    if there["big"]["left"]:
        context.violation(f"{there['big']['left'] // MIB} MiB of it never came: {there['big']}")


def holds(
    context: Context, vpn: dict[str, Any], wanted: dict[str, bool], seconds: float, what: str
) -> bool:
    """Whether it becomes so and stays so; else that is a violation."""
    found = wait(context, vpn, wanted, seconds + HOLD_SECONDS)
    if found["seconds"] is None:
        context.violation(f"{what}: {found['torrents']}")
    return found["seconds"] is not None


def named(context: Context, vpn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What its user sees, by name."""
    there = call(context, vpn)["torrents"]
    return {one["name"]: {**one, "hash": number} for number, one in there.items()}


def kill(context: Context) -> None:
    """The guard, wherever it is; it may be about to start again just now."""
    box.run(context.box, f"systemctl kill --signal KILL {UNIT}", check=False)


def judge_history(context: Context, start: int) -> None:
    """The ledger tells the stages in their order, each once."""
    if context.violations or context.break_name:
        return
    lines = box.run(context.box, f"tail -c +{start + 1} {LEDGER}").splitlines()
    entries = [one for one in map(json.loads, lines) if one["actor"] == "disk-guard"]
    stages = [one["outcome"] for one in entries if one["subject"] in (CLIENT, DISK)]
    told = [one for one in stages if one != "stopped too"]
    wanted = ["little room", "downloads paused", "downloads resumed"]
    if [one for one in told if one in wanted] != wanted:
        context.violation(f"history tells {stages}")
    context.figure("real_history", stages)


def call(
    context: Context,
    vpn: dict[str, Any],
    what: str = "list",
    hashes: list[str] | None = None,
    torrents: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """As its user, in the web interface."""
    found: dict[str, Any] = box.inside(
        context.box, "torrent_calls", vpn=vpn, what=what, place=DISK, hashes=hashes,
        torrents=list(torrents),
    )  # fmt: skip
    return found


def wait(
    context: Context,
    vpn: dict[str, Any],
    wanted: dict[str, bool],
    seconds: float,
    hold: float = HOLD_SECONDS,
) -> dict[str, Any]:
    """Until these run and those do not, and stay so."""
    found: dict[str, Any] = box.inside(
        context.box, "guard_watch", vpn=vpn, place=DISK, wanted=wanted, seconds=seconds, hold=hold
    )
    return found


@contextlib.contextmanager
def small_disk(context: Context, vpn: dict[str, Any]) -> Iterator[None]:
    """The disk, where host and container see it, and the guard watches it in place of /data."""
    host = context.box
    clear(context, vpn)
    try:
        if not box.inside(host, "small_disk", path=DISK, container=CLIENT, mib=DISK_MIB, uid=1000,
                          gid=1000):  # fmt: skip
            raise CheckError("the small disk cannot be mounted in the container")
        paths = {"data": DISK, "sentinel": f"{DISK}/.sentinel"}
        box.inside(host, "guard_config", values={"paths": paths, "disk": THRESHOLDS})
        yield
    finally:
        clear(context, vpn)


def clear(context: Context, vpn: dict[str, Any]) -> None:
    """Whatever this or an earlier run left is gone."""
    host = context.box
    with contextlib.suppress(CheckError):
        there = call(context, vpn)["torrents"]
        names_of_ours = {*PAUSED, "new"}
        ours = [number for number, one in there.items() if one["name"] in names_of_ours]
        call(context, vpn, "delete", ours)
    box.inside(host, "guard_config", values={})
    unmount = f"umount --lazy {DISK}"
    pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {CLIENT})"
    box.run(host, f"nsenter --target {pid} --mount {unmount}; {unmount}", check=False)
    box.run(host, f"rmdir {DISK}", check=False)


@contextlib.contextmanager
def seeds(context: Context) -> Iterator[None]:
    """A web seed on the box's internet."""
    source = (Path(__file__).parent / "inside" / "zeros.py").read_text(encoding="utf-8")
    container = names.internet_container(context.box.name)
    command = ["docker", "exec", "--interactive", container, "python3", "-c", source]
    process = subprocess.Popen(
        [*command, str(SEED_PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "serves":
            raise CheckError("the web seed does not come up")
        yield
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(10)


@contextlib.contextmanager
def stopped(context: Context) -> Iterator[None]:
    """The guard does not run on the box."""
    box.run(context.box, f"systemctl stop {UNIT}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl start {UNIT}")


@contextlib.contextmanager
def does_not_pause(context: Context) -> Iterator[None]:
    """The guard looks and tells, and pauses nothing (disk.pause_downloads is off)."""
    paths = {"data": DISK, "sentinel": f"{DISK}/.sentinel"}
    values = {"paths": paths, "disk": {**THRESHOLDS, "pause": "0.001 GiB"}}
    box.inside(context.box, "guard_config", values=values)
    yield
