"""A house burns down; one deploy on a bare box with its backup brings all but the media back.

`left-alone`: the house itself, told to be rebuilt, is left as it is. `rebuilt`: a new box of
another name, address, user and group is deployed once, and everything is compared with what the
first one had, before anything starts and again through the apps. `interrupted`: on another one the
password is wrong at first, and then the rebuild is killed again and again, under the eyes of a
trace of all that it writes; it ends the same. Boxes are this check's own, one at a time.
"""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from checks import (
    box,
    canaries,
    disaster_breaks,
    disaster_house,
    disaster_judge,
    ground,
    runtime,
    watch,
)
from checks.box import Host
from checks.disaster_house import HERE, PROGRAM, RECORD, REPOSITORY, SECRETS, USER_KEY, Burnt
from checks.framework import CheckError, Context
from sandbox import secrets_file
from settings import Settings

NAME = "disaster"
CONFIGS = "/srv/mediastack/config"
BUDGET_SECONDS = 540.0
# It needs nothing of the deployed box: tests/box runs it beside the others.
ELSEWHERE = True
PROMISED_SECONDS = 600.0
KILLS, FULL_KILLS = 4, 16
# A rebuild is killed when it has come so far, and at a moment of the seed's choice after that.
WHOLE = f"{CONFIGS}/.mediastack-rebuild"
DONE = f'{RECORD}:"done"'
SO_FAR = ("", f"{WHOLE}/.*.part", f"{WHOLE}/[a-z]*", f'{RECORD}:"place"')
LONGEST_DELAY_SECONDS = 0.6
KILLER_SECONDS = 110.0
WRONG = "wrong-passw0rd-canary"
# Where a rebuild may have secrets while it lasts; entered by root alone.
WAITING = ("/etc/mediastack/.mediastack-rebuild/", "/run/mediastack/rebuild/")
HALF = f"find {CONFIGS} {SECRETS} -not -path '*/.mediastack-*' -type f | head -3"
TIMED = " ".join(f"mediastack-{one}.service" for one in ("backup", "doctor", "drift", "update"))
DISK = {"backup": {"remotes": {"usb": {"repository": REPOSITORY}}, "drill": False}}


def prepare(context: Context) -> None:
    """A house with all that a household has, and a disk with its backup."""
    context.resources.enter_context(mock.patch.dict(os.environ))
    folder = Path(context.resources.enter_context(tempfile.TemporaryDirectory()))
    secrets_file.ensure()
    disaster_house.configure(context, "burnt", DISK, {"gluetun": {"wireguard_private_key": key()}})
    host = disaster_house.bare(context, f"{context.box_name}-burnt")
    context.box = host
    box.deploy(host)
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    plug_in = f"{disaster_house.PLUG_IN} && mkdir {REPOSITORY}"
    box.run(host, f"systemctl stop mediastack-backup.timer && {plug_in}")
    burnt = disaster_house.back_up(context, host, folder)
    disaster_judge.count(context, burnt)
    context.box_baseline = burnt, folder / "disk.tar"


def settle(context: Context) -> None:
    """The boxes go."""
    context.resources.close()


def key() -> str:
    """The sandbox's own key of the tunnel."""
    found = tomllib.loads(secrets_file.SECRETS_FILE.read_text(encoding="utf-8"))
    return str(found["gluetun"][secrets_file.KEY_NAME])


def another_key() -> str:
    """A key that the user has by now."""
    return base64.b64encode(os.urandom(32)).decode()


def told(context: Context, name: str, password: str, given: str, **host: object) -> Settings:
    """Settings of a host that is to be rebuilt from the disk."""
    own = {"backup": {**DISK["backup"], "rebuild_from": REPOSITORY}, "host": host}
    secrets = {
        "gluetun": {"wireguard_private_key": given},
        "backup": {"repository_password": password},
    }
    disaster_house.configure(context, name, own, secrets)
    return disaster_house.present_settings()


def left_alone(context: Context) -> None:
    """The house stands, and is told to be rebuilt: nothing of it is touched."""
    burnt, _ = context.box_baseline
    told(context, "standing", burnt.password, key())
    before = box.inside(context.box, "house_state")
    with context.planted():
        sources = context.fault_sources
        done = box.deploy(context.box, "-y", sources=sources, check=False, as_json=False)
    if "left aside" not in done.output:
        context.violation("a deploy does not say that the house is left alone")
    after = box.inside(context.box, "house_state")
    for part in ("secrets", "lock"):
        if before[part] != after[part]:
            context.violation(f"a rebuild of a house that stands changed its {part}")
    if box.succeeds(context.box, f"test -e {RECORD}"):
        context.violation("a rebuild was begun in a house that stands")


def rebuilt(context: Context) -> None:
    """One deploy on a bare box."""
    burnt, disk = context.box_baseline
    disaster_house.remove(context.box)
    given = another_key()
    now = told(context, "new", burnt.password, given, **HERE)
    host = context.box = disaster_house.bare(context, f"{context.box_name}-new")
    disaster_house.carry_in(host, disk)
    with context.planted(), seen_before_the_first_start(host) as log:
        started = time.monotonic()
        done = box.deploy(host, sources=context.fault_sources, check=False)
        if done.code or done.failed:
            context.violation(f"the rebuild ended with {done.code}: {done.output[-600:]}")
            return
        well(context, host)
        seconds = time.monotonic() - started
        disaster_judge.judge(context, burnt, disaster_house.said(log.read_text()), now)
    if context.break_name:
        return
    context.figure("seconds_rebuild", seconds)
    if seconds > PROMISED_SECONDS:
        context.violation(f"it took {seconds:.0f} s until all was well")
    live(context, burnt, given)
    quiet(host)
    ground.smoke(context)
    well(context, host)
    again = box.deploy(host)
    context.figure("seconds_second_deploy", again.seconds)
    for name in again.changed:
        context.violation(f"the second deploy changes {name}")
    if not box.succeeds(host, f"{PROGRAM} backup", timeout=disaster_house.BACKUP_SECONDS):
        context.violation("the new house cannot go on with the backups of the old one")


def well(context: Context, host: Host) -> None:
    """All runs and is healthy in the end. With a fault nothing was started (disaster_breaks)."""
    if context.break_name:
        return
    try:
        runtime.wait_until_well(host, context.patience(ground.SETTLE_SECONDS))
    except CheckError as error:
        context.violation(f"after the rebuild: {error}")


def quiet(host: Host) -> None:
    """No timer's work is under way: while it is, systemd knows no next time of its timer."""

    def at_work() -> str:
        return box.run(host, f"systemctl is-active {TIMED} | grep -v inactive || true").strip()

    runtime.wait_until("no timer's work under way", at_work, ground.SETTLE_SECONDS)


def live(context: Context, burnt: Burnt, given: str) -> None:
    """What the apps, the secrets and Docker say of the house in which everything runs."""
    host = context.box
    try:
        disaster_judge.kept(context, burnt, disaster_house.look_in(host))
    except CheckError as error:
        context.violation(f"the apps cannot be asked: {error}")
    found = box.inside(host, "house_state")
    present = box.run(host, f"cat {SECRETS}/{USER_KEY}")
    disaster_judge.secrets_at_the_end(context, burnt, found["secrets"], present, given)
    running = box.run(host, "docker inspect --format '{{.Config.Image}}' $(docker ps -q)").split()
    for service, (image, digest) in burnt.facts["lock"].items():
        if f"{image}@{digest}" not in running:
            context.violation(f"{service} does not run {image}@{digest[:19]}…")
    context.figure("images_compared", len(burnt.facts["lock"]))


@contextlib.contextmanager
def seen_before_the_first_start(host: Host) -> Iterator[Path]:
    """A file in which all of the house is, as it was when the rebuild was done."""
    source = (box.INSIDE / "house_state.py").read_text(encoding="utf-8")
    source += f'\nprint(json.dumps(main(["{RECORD}", "\\"done\\""])), flush=True)\n'
    packed = base64.b64encode(source.encode()).decode()
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "house"
        program = f"import base64;exec(base64.b64decode('{packed}'))"
        with box.recorded(host, f'python3 -c "{program}"', log):
            yield log


def interrupted(context: Context) -> None:
    """A wrong password, then kills, then to the end; no secret is anywhere meanwhile."""
    burnt, disk = context.box_baseline
    disaster_house.remove(context.box)
    given = another_key()
    told(context, "wrong", WRONG, given, **HERE)
    host = context.box = disaster_house.bare(context, f"{context.box_name}-again")
    disaster_house.carry_in(host, disk)
    refused(context, host)
    now = told(context, "right", burnt.password, given, **HERE)
    with tempfile.TemporaryDirectory() as directory, context.planted():
        log = Path(directory) / "processes"
        eyes = watch.processes(context, log), watch.files(context)
        with eyes[0], eyes[1], seen_before_the_first_start(host) as house:
            printed = killed(context, host)
            done = talkative(context, host)
            if done.code:
                context.violation(f"after the kills it ended with {done.code}")
                return
            well(context, host)
            disaster_judge.judge(context, burnt, disaster_house.said(house.read_text()), now)
        hidden(context, host, log, printed + done.output)
    if left := box.run(host, f"ls -d {' '.join(WAITING)} 2>/dev/null || true").split():
        context.violation(f"the rebuild left {left}")
    if not context.break_name:
        live(context, burnt, given)


def hidden(context: Context, host: Host, log: Path, printed: str) -> None:
    """No secret was in what was printed, in a process, or where others could have read it."""
    known = canaries.read(host)
    for name in sorted(known.found_in(printed)):
        context.violation(f"pyinfra prints {name}")
    for name in sorted(watch.found_in_processes(context, log, known)):
        context.violation(f"{name} was in the arguments or environment of a process")
    for problem in watch.judge_files(context, known):
        if not any(f"written into {place}" in problem for place in WAITING):
            context.violation(problem)


def talkative(context: Context, host: Host) -> box.Deployed:
    """A deploy that says all it can."""
    sources = context.fault_sources
    return box.deploy(host, "-vvv", "-y", sources=sources, check=False, as_json=False)


def refused(context: Context, host: Host) -> None:
    """A password that is another repository's: told, and the host is as bare as before."""
    done = box.deploy(host, "-y", check=False, as_json=False)
    if not done.code or "wrong password" not in done.output:
        context.violation("a wrong password is not told")
    if WRONG in done.output:
        context.violation("the deploy prints the password")
    if half := box.run(host, HALF).split():
        context.violation(f"after a wrong password there is {half}")


def killed(context: Context, host: Host) -> str:
    """Kill the rebuild, again and again; return what the deploys printed."""
    printed, hits = "", 0
    for number in range(FULL_KILLS if context.full else KILLS):
        far, family = SO_FAR[number % len(SO_FAR)], context.random.random() < 0.5
        delay = context.random.uniform(0, LONGEST_DELAY_SECONDS) if "place" not in far else 0.0
        with ThreadPoolExecutor(1) as pool:
            killer = pool.submit(
                box.inside, host, "rebuild_killer",
                far=far, over=DONE, delay=delay, patience=KILLER_SECONDS, family=family,
            )  # fmt: skip
            done = talkative(context, host)
            hits += bool(killer.result()["killed"])
        printed += done.output
        record = box.run(host, f"cat {RECORD} 2>/dev/null || true")
        if '"fetch"' in record and (half := box.run(host, HALF).split()):
            context.violation(f"killed while it fetched, it had put {half} in place")
        if '"done"' in record:
            break
    context.figure("kills", hits)
    context.control("a rebuild that was killed", hits > 0)
    return printed


BREAKS = disaster_breaks.BREAKS
CASES = {"left-alone": left_alone, "rebuilt": rebuilt, "interrupted": interrupted}
