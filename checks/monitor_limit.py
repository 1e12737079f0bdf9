"""Five cascades an hour, and not one more: counted across a killed monitor and a reboot.

Restarts and recreations take turns, since the same cause again and again is a loop, which is
another limit. The bring-up after the reboot is nobody's cascade. After the sixth hit the dependents
are held stopped, one urgent message says so, and the user's `resume` brings them back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import host_settings
from checks import box, monitor_schedules, monitor_seen, runtime
from checks.box import Host
from checks.disk import forget_messages
from checks.framework import CheckError, Context
from checks.monitor_schedules import MONITOR
from settings import gateway

CASCADES = 5
# The sandbox's own are far away; these are what users have.
USUAL = {"cascades_per_hour": CASCADES, "loop_cascades": 3}
CONFIG = "/etc/mediastack/mediastack.toml"
HITS = ("restart", "recreate")
WELL_SECONDS = 60.0
HELD_SECONDS, STAYS_SECONDS = 20.0, 4.0
MESSAGE_SECONDS = 20.0
URGENT = 5
REQUEST = "/var/lib/mediastack/monitor/resume"
RESUME_SECONDS = 4.0


def resume(host: Host) -> None:
    """As the user's `resume` does it: what was counted is forgotten. (Also by a dead monitor.)"""
    box.run(host, f"touch {REQUEST}; systemctl kill --signal HUP {MONITOR}", check=False)
    deadline = time.monotonic() + RESUME_SECONDS
    while box.succeeds(host, f"test -e {REQUEST}") and time.monotonic() < deadline:
        time.sleep(0.1)


@contextlib.contextmanager
def usual_limits(host: Host) -> Iterator[None]:
    """With the limits that users have; the healer reads them afresh at each look."""
    edits = " ".join(f"-e 's/^{name} = .*/{name} = {value}/'" for name, value in USUAL.items())
    box.run(host, f"test -e {CONFIG}.kept || cp -a {CONFIG} {CONFIG}.kept; sed -i {edits} {CONFIG}")
    try:
        yield
    finally:
        box.run(host, f"mv {CONFIG}.kept {CONFIG}")


def play(context: Context) -> None:
    """Up to the limit, and over it."""
    with usual_limits(context.box):
        _play(context)


def _play(context: Context) -> None:
    host = context.box
    resume(host)
    forget_messages(host)
    since = int(float(box.run(host, "date +%s"))) - 1
    with context.planted():
        for number in range(CASCADES):
            hit(context, number)
            if not well(context, f"cascade {number + 1} of {CASCADES}"):
                return
            if number == 1:
                box.run(host, f"systemctl kill --signal KILL {MONITOR}")
            if number == CASCADES - 2:
                box.reboot(host)
                if not well(context, "the reboot"):
                    return
        hit(context, CASCADES)
        held = wait_until_held(context)
        if not held:
            return
        context.figure("limit_seconds_until_held", held)
        judge_messages(context, since)
    said = box.run(host, "stack-manage.sh resume", check=False)
    if not well(context, "resume"):
        context.violation(f"resume said: {said.strip()[-300:]}")


def hit(context: Context, number: int) -> None:
    """Restart Gluetun, or make it anew."""
    kind = HITS[number % len(HITS)]
    schedule = monitor_schedules.made(context.random, kind, "none")
    box.run(context.box, monitor_schedules.command(schedule))


def well(context: Context, what: str) -> bool:
    """Whether all is well in time; that it is not is a violation."""
    try:
        # With a fault, too: what that does shows later.
        runtime.wait_until_well(context.box, WELL_SECONDS, monitor_seen.group())
    except CheckError as error:
        context.violation(f"after {what}: {error}")
        return False
    return True


def wait_until_held(context: Context) -> float:
    """Seconds until no dependent runs, which then lasts; 0 with a violation when it does not."""
    started = time.monotonic()
    over = ""

    def missing() -> str:
        up = running(context.box)
        return f"{', '.join(up[:4])} run" if up else ""

    try:
        runtime.wait_until("all are held", missing, context.patience(HELD_SECONDS))
        held = time.monotonic() - started
        runtime.wait_until(
            "Gluetun is healthy",
            lambda: "; ".join(runtime.problems(runtime.look(context.box), [monitor_seen.OWNER])),
            WELL_SECONDS,
        )
        until = time.monotonic() + STAYS_SECONDS
        while time.monotonic() < until and not over:
            over = missing()
            time.sleep(runtime.POLL_SECONDS)
    except CheckError as error:
        over = str(error)
    if over:
        context.violation(f"the limit of {CASCADES} cascades does not hold: {over}")
        return 0.0
    return held


def running(host: Host) -> list[str]:
    """The dependents that run."""
    seen = runtime.look(host)["containers"]
    return [
        name
        for name in monitor_seen.dependents()
        if seen.get(name, {}).get("status") in ("running", "paused")
    ]


def judge_messages(context: Context, since: int) -> None:
    """Exactly one urgent message, and it says how to lift the pause."""

    def missing() -> str:
        return "" if urgent(context.box, since) else "an urgent message"

    try:
        runtime.wait_until("the user is told", missing, context.patience(MESSAGE_SECONDS))
    except CheckError as error:
        context.violation(str(error))
        return
    found = urgent(context.box, since)
    if len(found) != 1 or "stack-manage.sh resume" not in found[0]:
        context.violation(f"not one urgent message that says how to go on, but {found}")


def urgent(host: Host, since: int) -> list[str]:
    """The texts of the urgent messages that arrived."""
    settings = host_settings.load(*runtime.SANDBOX_SETTINGS)
    ntfy = runtime.services()["ntfy"]
    address = f"{gateway(settings).rsplit('.', 1)[0]}.{ntfy.address}"
    url = f"http://{address}:{ntfy.port}"
    try:
        found = box.inside(host, "messages", url=url, topic=settings.notify.topic, since=since)
    except CheckError:
        return []  # ntfy itself may still be on its way up
    return [one["message"] for one in found if (one["priority"] or 3) >= URGENT]
