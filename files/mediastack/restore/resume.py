"""Going on with a restore that was begun, by whoever began it, or after him: backup's timer.

Before its first exchange a restore is given up when its process died: nothing live was touched, and
what it has taken out of the repository is swept away. From there on it is brought to its end.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mediastack import healing, ledger, lock, observe, plan, stacks
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.restore import inflight, places, run, swap, tell, transaction
from mediastack.restore.host import Host
from mediastack.updater import run_lock
from mediastack.updater.house import Trouble

ACTOR = "restore"
UNIT = "mediastack-backup.service"
WORDS = {
    "stop": "stopping it and exchanging its config",
    "watch": "runs on it; is it well?",
    "back": "going back to its config of before",
    "rewatch": "runs on its config of before; is it well?",
    "done": "done",
    "failed": "is as it was",
    "undone": "its config of before is back",
}
Load = Callable[[], dict[str, Any]]
Said = Callable[[str], None]


def finish(load: Load, docker: ImageEngine, said: Said = lambda _: None) -> int:
    """Bring what a killed restore left to its end, and sweep; return an exit code: 1 when it is
    stuck. The caller holds backup.run_lock. Raise ConfigError, OSError."""
    journal = inflight.read()
    if journal is not None and journal["phase"] == inflight.FETCH:
        give_up(load(), journal, "it ended before anything was changed")
        journal = None
    if journal is not None:
        with run_lock.hold() as free:
            if not free:
                said("the updater is at work; the restore that was begun goes on after it")
                return 1
            journal = carry_on(load, docker, journal, said)
        if inflight.read() is not None:
            return 1
    sweep(load(), docker)
    return 0


def carry_on(
    load: Load, docker: ImageEngine, journal: dict[str, Any], said: Said
) -> dict[str, Any]:
    """Go on with a restore whose phase is APPLY, as far as it gets now; return the journal, which
    is closed when all of it is over. The caller holds both run locks. Raise ConfigError, OSError.
    """
    config = load()
    heard: dict[str, str] = {}

    def write(everybody: Mapping[str, transaction.Transaction]) -> None:
        inflight.write({**journal, "services": dict(everybody)})
        for name, tx in everybody.items():
            if words := _heard(heard, tx):
                said(f"{name}: {words}")

    begun = {name: _still_here(config, tx) for name, tx in journal["services"].items()}
    heard |= {name: tx["step"] for name, tx in begun.items() if transaction.is_over(tx)}
    ended = run.drive(
        begun,
        Host(load, docker, journal["id"]),
        run.World(
            write=write,
            lock=lambda: _stack_lock(load()),
            steady=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
            sleep=time.sleep,
            owner=plan.owner_name(config),
            dependents=tuple(plan.dependents(config)),
        ),
    )
    journal = {**journal, "services": ended}
    if all(map(transaction.is_over, ended.values())):
        tell.ended(journal)
        inflight.clear()
    with contextlib.suppress(NotReachable, DockerError, OSError):
        healing.wake(docker, observe.observe(load(), docker), ACTOR)
    return journal


def give_up(config: Mapping[str, Any], journal: Mapping[str, Any], why: str) -> None:
    """Forget a restore that has touched nothing, and remove what it has made. Raise OSError."""
    places.sweep(config, ())
    inflight.clear()
    ledger.append(ACTOR, "restore", "restore given up", cause=why, details={"id": journal["id"]})


def sweep(config: Mapping[str, Any], docker: ImageEngine) -> None:
    """Remove what nobody needs any more. Raise OSError."""
    journal, well = inflight.read(), set[str]()
    if places.kept(config):
        with contextlib.suppress(NotReachable, DockerError):
            containers = observe.observe(config, docker)["containers"]
            well = {one["name"] for one in containers if _is_well(one)}
    places.sweep(config, well, busy=journal["id"] if journal else "")


def start_unit() -> None:
    """Let systemd bring to its end what we leave behind; without it the timer does."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ("systemctl", "start", "--no-block", UNIT)
        subprocess.run(command, check=False, timeout=10, stdin=subprocess.DEVNULL)


def _is_well(container: Mapping[str, Any]) -> bool:
    return container["status"] == "running" and container["health"] in ("none", "healthy")


def _still_here(config: Mapping[str, Any], tx: transaction.Transaction) -> transaction.Transaction:
    """A deploy may have taken the service off this host meanwhile: nothing of it is left to run."""
    if tx["service"] in config["services"] or transaction.is_over(tx):
        return tx
    there = swap.identity(tx["live"]) == tx["new"]
    why = "a deploy has taken it off this host meanwhile"
    return {**tx, "runs": False, "step": "drop", "end": "done" if there else "failed", "why": why}


def _heard(heard: dict[str, str], tx: transaction.Transaction) -> str:
    """What to say of a service, "" when nothing has changed that a person follows."""
    name, step = tx["service"], tx["step"]
    if heard.get(name) == step or (step == "stop" and not tx["tries"]):
        return ""
    heard[name] = step
    return WORDS.get(step, "")


@contextlib.contextmanager
def _stack_lock(config: Mapping[str, Any]) -> Iterator[None]:
    """Hold the stack lock. Raise Trouble when somebody else does for too long."""
    wait = float(config.get("limits", {}).get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(ACTOR, "restoring a service", wait_seconds=wait))
        except lock.Busy as error:
            raise Trouble("passing", str(error)) from error
        yield
