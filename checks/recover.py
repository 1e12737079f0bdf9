"""After a reboot, a killed daemon, a restarted tunnel: everything is back without a hand.

"Back" is what runtime.problems says: running, healthy, and in the right network namespace by the
inode of /proc/PID/ns/net. The hand stays off from the moment of the fault until that state is
reached; the seconds until then are the figures. What the user stopped must stay stopped meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from checks import box, ground, runtime
from checks.framework import Break, CheckError, Context

NAME = "recover"
BUDGET_SECONDS = 150.0
WELL_SECONDS = 120.0
STAYS_SECONDS = 5.0
FULL_ROUNDS = 6
KEEPER = "mediastack-keeper.service"
MONITOR = "mediastack-monitor.service"
INTENT = "/var/lib/mediastack/intent.json"
DOWN = "media"

settle = ground.settle


def prepare(context: Context) -> None:
    """The common ground, and the proof that a container that does not run is seen."""
    ground.prepare(context)
    box.run(context.box, "docker pause dozzle")
    try:
        found = runtime.problems(runtime.look(context.box), ["dozzle"])
    finally:
        box.run(context.box, "docker unpause dozzle")
    context.control("a paused container", found == ["dozzle is paused"])


def reboot(context: Context) -> None:
    """The whole box goes down (in order, or as if the power failed: by seed) and comes back."""
    for number in range(FULL_ROUNDS if context.full else 1):
        hard = context.random.random() < 0.5
        before = runtime.look(context.box)["containers"]
        with context.planted():
            started = time.monotonic()
            box.reboot(context.box, hard=hard)
            booted = time.monotonic() - started
            _well_again(
                context, f"seconds_{'power_cut' if hard else 'reboot'}{number or ''}", booted
            )
        after = runtime.look(context.box)["containers"]
        context.figure("containers_made_anew", len(_ids(before) - _ids(after)))


def docker_killed(context: Context) -> None:
    """SIGKILL of dockerd: systemd starts it again, and no container notices."""
    before = _processes(context)
    for unit in ("docker", "containerd") if context.full else ("docker",):
        with context.planted():
            pid = _main_pid(context, unit)
            box.run(context.box, f"kill -KILL {pid}")
            _wait_for_another(context, unit, pid)
            _well_again(context, f"seconds_{unit}_killed")
        for name, process in _processes(context).items():
            if before.get(name) != process:
                context.violation(f"{name} was restarted although only {unit} died")


def owner_restarted(context: Context) -> None:
    """A bare `docker restart gluetun`: its dependents are left in a dead namespace."""
    with context.planted():
        box.run(context.box, "docker restart gluetun")
        seen = runtime.look(context.box)
        context.figure("dependents_cut_off", len(runtime.problems(seen, _dependents())))
        _well_again(context, "seconds_owner_restarted")


def owner_killed(context: Context) -> None:
    """With --full: SIGKILL of gluetun's first process, as if the kernel had run out of memory."""
    if not context.full:
        return
    with context.planted():
        box.run(context.box, "docker kill --signal KILL gluetun && docker start gluetun")
        _well_again(context, "seconds_owner_killed")


def stack_down(context: Context) -> None:
    """`down` of one stack: the others do not notice, it stays down over a reboot, `up` heals."""
    down = runtime.of_stack(DOWN)
    others = set(runtime.expected()) - down
    before = _processes(context)
    box.run(context.box, f"stack-manage.sh {DOWN} down")
    try:
        for name, process in _processes(context).items():
            if name in others and before.get(name) != process:
                context.violation(f"{name} was touched by `{DOWN} down`")
        _stays_down(context, down, "after `down`")
        with context.planted():
            started = time.monotonic()
            box.reboot(context.box)
            took = time.monotonic() - started
            _well_again(context, "seconds_reboot_others", took, others)
            _stays_down(context, down, "across the reboot")
    finally:
        started = time.monotonic()
        box.run(context.box, f"stack-manage.sh {DOWN} up")
    _well_again(context, "seconds_up", time.monotonic() - started)


def _well_again(
    context: Context, figure: str, already: float = 0.0, services: set[str] | None = None
) -> None:
    """Note how long it took until all is well; that it is not is a violation."""
    try:
        took = runtime.wait_until_well(context.box, context.patience(WELL_SECONDS), services)
        context.figure(figure, already + took)
    except CheckError as error:
        context.violation(f"{figure}: {error}")


def _stays_down(context: Context, services: set[str], when: str) -> None:
    until = time.monotonic() + STAYS_SECONDS
    while time.monotonic() < until:
        seen = runtime.look(context.box)["containers"]
        up = sorted(name for name in services if seen.get(name, {}).get("status") == "running")
        if up:
            context.violation(f"not down {when}: {', '.join(up)}")
            return
        time.sleep(runtime.POLL_SECONDS)


def _processes(context: Context) -> dict[str, tuple[str, int]]:
    """Id and first process of every running container: the same only if nobody touched it."""
    seen = runtime.look(context.box)["containers"]
    return {name: (one["id"], one["pid"]) for name, one in seen.items() if one["pid"]}


def _ids(containers: dict[str, Any]) -> set[str]:
    return {one["id"] for one in containers.values()}


def _dependents() -> set[str]:
    return {name for name, one in runtime.expected().items() if one.zone == "vpn"}


def _wait_for_another(context: Context, unit: str, pid: str) -> None:
    def missing() -> str:
        return "" if _main_pid(context, unit) not in ("0", pid) else "no new process"

    runtime.wait_until(f"{unit} runs again", missing, context.patience(WELL_SECONDS))


def _main_pid(context: Context, unit: str) -> str:
    return box.run(context.box, f"systemctl show -p MainPID --value {unit}.service").strip()


@contextlib.contextmanager
def keeper_paused(context: Context) -> Iterator[None]:
    """The keeper is paused: nobody guards /data."""
    box.run(context.box, f"systemctl kill --signal STOP {KEEPER}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl kill --signal CONT {KEEPER}")


@contextlib.contextmanager
def monitor_stopped(context: Context) -> Iterator[None]:
    """Nobody watches: dependents stay in the namespace of a gluetun that is gone."""
    box.run(context.box, f"systemctl stop {MONITOR}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl start {MONITOR}")


@contextlib.contextmanager
def monitor_disabled(context: Context) -> Iterator[None]:
    """The monitor does not start at boot: nobody starts the dependents."""
    box.run(context.box, f"systemctl disable --quiet {MONITOR}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl enable --quiet --now {MONITOR}")


@contextlib.contextmanager
def intent_lost(context: Context) -> Iterator[None]:
    """The record of what the user stopped is lost: the stack comes up again."""
    box.run(context.box, f"test -s {INTENT} && rm {INTENT}")
    yield


@contextlib.contextmanager
def live_restore_lost(context: Context) -> Iterator[None]:
    """A container dies together with dockerd."""
    box.run(context.box, "docker kill homepage && docker start homepage")
    yield


CASES = {
    "owner": owner_restarted,
    "owner-killed": owner_killed,
    "docker": docker_killed,
    "reboot": reboot,
    "down": stack_down,
}
BREAKS = {
    "monitor-stopped": Break("owner", monitor_stopped),
    "monitor-disabled": Break("reboot", monitor_disabled),
    "intent-lost": Break("down", intent_lost),
    "container-lost": Break("docker", live_restore_lost),
}
