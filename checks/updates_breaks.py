"""Updaters that are wrong in a way that people have built, or might: simulated, and on the box."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from checks import updates_crash_faults
from checks.framework import Context
from checks.updates_house import House
from mediastack.updater import gate, transaction
from mediastack.updater.house import Trouble

Steps = tuple[str, ...]


@contextlib.contextmanager
def _way_back(*steps: str) -> Iterator[None]:
    """The way back has these steps, in this order."""
    real = transaction._to  # noqa: SLF001

    def to(tx: Any, step: str) -> Any:
        begins = step == "back" and tx["step"] in ("gate", "switch")
        return real(tx, steps[0] if begins else step)

    ways = (transaction.WAYS[0], (*steps, "undone"), transaction.WAYS[2])
    with mock.patch.object(transaction, "WAYS", ways), mock.patch.object(transaction, "_to", to):
        yield


def _gate(change: Callable[..., Any]) -> AbstractContextManager[Any]:
    """The gate, called through `change(real, seen, gate, limits, now)`."""
    real = gate.step
    return mock.patch.object(gate, "step", lambda *arguments: change(real, *arguments))


@contextlib.contextmanager
def gate_believes_running(context: Context) -> Iterator[None]:
    """What runs is good, whatever its health check says."""

    def step(real: Any, seen: gate.Seen, *rest: Any) -> Any:
        health = "healthy" if seen.status == "running" else seen.health
        probe = seen.probe if seen.status != "running" else str(rest[2])
        return real(seen._replace(health=health, failing=False, probe=probe), *rest)

    with _gate(step):
        yield


@contextlib.contextmanager
def commits_before_stable(context: Context) -> Iterator[None]:
    """The first good answer is enough."""

    def step(real: Any, seen: gate.Seen, old: gate.Gate, limits: gate.Limits, now: float) -> Any:
        verdict, new = real(seen, old, limits, now)
        return (gate.PASSED if new["was_well"] else verdict), new

    with _gate(step):
        yield


@contextlib.contextmanager
def believes_docker(context: Context) -> Iterator[None]:
    """Healthy is what Docker calls so, though the last probe failed, or none came since."""

    def step(real: Any, seen: gate.Seen, old: gate.Gate, limits: gate.Limits, now: float) -> Any:
        return real(seen._replace(failing=False, probe=str(now)), old, limits, now)

    with _gate(step):
        yield


@contextlib.contextmanager
def impatient(context: Context) -> Iterator[None]:
    """Every start has to be over in a minute."""
    with _gate(
        lambda real, *rest: real(*rest[:2], rest[2]._replace(deadline_seconds=60.0), rest[3])
    ):
        yield


@contextlib.contextmanager
def one_life_only(context: Context) -> Iterator[None]:
    """A program that ends once, as after a migration, is a bad one."""
    with mock.patch.object(gate, "MOST_LIVES", 2):
        yield


@contextlib.contextmanager
def config_not_restored(context: Context) -> Iterator[None]:
    """The image goes back, what it did to the config stays."""
    with _way_back("back", "revive", "regate"):
        yield


@contextlib.contextmanager
def restores_while_running(context: Context) -> Iterator[None]:
    """The config is put back first, and then the new version is stopped."""
    with _way_back("restore", "back", "revive", "regate"):
        yield


@contextlib.contextmanager
def trusts_the_first_copy(context: Context) -> Iterator[None]:
    """What was copied while the service ran is the copy."""
    real = House.settle

    def settle(self: House, tx: Any) -> None:
        with mock.patch.object(self, "_copy", lambda seconds: None):
            real(self, tx)

    with mock.patch.object(House, "settle", settle):
        yield


@contextlib.contextmanager
def forgets_old_image(context: Context) -> Iterator[None]:
    """Nothing keeps the old image from a prune."""
    with mock.patch.object(House, "keep_old", lambda self, tx: None):
        yield


@contextlib.contextmanager
def new_image_by_tag(context: Context) -> Iterator[None]:
    """It pulls and runs what the tag leads to by then."""

    def wanted(self: House, tx: Any) -> str:
        return self.world.registry.tags[self.world.service.tag]

    with mock.patch.object(House, "wanted", wanted):
        yield


@contextlib.contextmanager
def refuses_nothing(context: Context) -> Iterator[None]:
    """A bad digest is tried again at the next pass."""
    with mock.patch.object(House, "refuse", lambda self, tx: None):
        yield


@contextlib.contextmanager
def refuses_for_trouble(context: Context) -> Iterator[None]:
    """A registry that says no makes the image a bad one."""
    real = House.fetch

    def fetch(self: House, digest: str) -> None:
        try:
            real(self, digest)
        except Trouble as trouble:
            raise Trouble("bad", str(trouble)) from trouble

    with mock.patch.object(House, "fetch", fetch):
        yield


@contextlib.contextmanager
def journal_lags(context: Context) -> Iterator[None]:
    """A step is written down when it is over: a killed worker finds the one before."""
    real = House.write
    before: dict[int, Any] = {}

    def write(self: House, tx: Any) -> None:
        real(self, tx)
        self.journal, before[id(self)] = before.get(id(self), self.journal), self.journal

    with mock.patch.object(House, "write", write):
        yield


@contextlib.contextmanager
def holds_nothing(context: Context) -> Iterator[None]:
    """The keeper may start the service while image and config are no pair."""
    with mock.patch.object(transaction, "holds", lambda tx: False):
        yield


@contextlib.contextmanager
def goes_on_with_the_switch(context: Context) -> Iterator[None]:
    """A worker that was killed goes on with the copy it finds, whoever wrote since."""
    with mock.patch.object(House, "switched", lambda self, tx: True):
        yield


@contextlib.contextmanager
def gives_up_going_back(context: Context) -> Iterator[None]:
    """What cannot be undone at once is left as it is."""
    real = transaction.after

    def after(tx: Any, result: transaction.Result) -> Any:
        if result.trouble and result.trouble != "wait" and transaction.holds(tx):
            return {**tx, "step": "undone"}
        return real(tx, result)

    with mock.patch.object(transaction, "after", after):
        yield


@contextlib.contextmanager
def real_config_not_restored(context: Context) -> Iterator[None]:
    """On the box: the image goes back, the config stays what the new version made of it."""
    with updates_crash_faults.restores_nothing(context):
        yield


@contextlib.contextmanager
def real_gate_believes_running(context: Context) -> Iterator[None]:
    """On the box: what runs is good, whatever its health check says."""
    asks = 'if seen.expects_health and seen.health != "healthy":'
    settled = 'limits.stable_seconds and (gate["probes"] or not seen.expects_health)'
    last = "if not problem and seen.failing:"
    changes = (asks, "if False:", last, "if False:", settled, "limits.stable_seconds")
    with updates_crash_faults.patched(context, "updater/gate.py", *changes):
        yield


@contextlib.contextmanager
def real_platform_not_looked_at(context: Context) -> Iterator[None]:
    """On the box: an image for another machine is taken as any."""
    with updates_crash_faults.patched(
        context, "updater/images.py", "if theirs != ours:", "if False:"
    ):
        yield


@contextlib.contextmanager
def real_hint_forgotten(context: Context) -> Iterator[None]:
    """On the box: a hint is taken although what it names could not be had."""
    wanted = "if hint is not None and not wait and not in_vain:"
    with updates_crash_faults.patched(context, "updater/worker.py", wanted, "if hint is not None:"):
        yield


REAL = {
    "real-config-not-restored": real_config_not_restored,
    "real-gate-believes-running": real_gate_believes_running,
    "real-platform-not-looked-at": real_platform_not_looked_at,
    "real-hint-forgotten": real_hint_forgotten,
}
BREAKS = {
    "gate-believes-running": gate_believes_running,
    "commits-before-stable": commits_before_stable,
    "believes-docker": believes_docker,
    "impatient": impatient,
    "one-life-only": one_life_only,
    "config-not-restored": config_not_restored,
    "restores-while-running": restores_while_running,
    "trusts-the-first-copy": trusts_the_first_copy,
    "forgets-old-image": forgets_old_image,
    "new-image-by-tag": new_image_by_tag,
    "refuses-nothing": refuses_nothing,
    "refuses-for-trouble": refuses_for_trouble,
    "journal-lags": journal_lags,
    "holds-nothing": holds_nothing,
    "goes-on-with-the-switch": goes_on_with_the_switch,
    "gives-up-going-back": gives_up_going_back,
}
