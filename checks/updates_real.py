"""Updates on the box: a service of the check's own, its versions in the registry, and the updater.

Each update is begun as in real life, by a hint and the updater's unit, and watched and judged as
updates_crash does it, from containerd's directories, Docker's own files and the config's tree at
the instant at which a container is made. Beside each the same version goes through a plain updater,
on a container of its own: stop, pull, remove, create, start.
"""

from __future__ import annotations

import contextlib
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from checks import box, checkout, ground, updates_real_plain
from checks import updates_crash_house as house
from checks import updates_crash_play as crash_play
from checks.framework import CheckError, Context
from checks.updates_crash_house import OWN, OWN_SETTINGS, Version
from checks.updates_crash_judge import Record, Sides, ended_as, problems
from checks.updates_real_cases import ALL, Change, Real
from sandbox import names, variants
from sandbox import registry as served_registry
from sandbox.command import SandboxError
from sandbox.progress import say
from sandbox.variants import Document

CHEST = replace(OWN, name="chest", repository="ghcr.io/check/chest")
SECONDS = 1_000_000_000
CHECK = {"Test": ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{CHEST.port}/ping"]}
TIMES = {"interval": 1, "timeout": 3, "retries": 10, "start_period": 0}
CHEST_SETTINGS: dict[str, Any] = {
    **OWN_SETTINGS,
    "summary": "Versions that are good and bad",
    "image": CHEST.repository,
    "address": 78,
    # The check itself is the image's own, so that a version can lose it.
    "health": TIMES,
    "update_deadline": 15,
}
STABLE_SECONDS = 5
PLAIN_AT_ONCE = 2
# On a busy machine; it is waited for no longer than it takes.
ENDS_SECONDS = 110.0
# Refused before anything was stopped.
UNTOUCHED = ("wrong-architecture", "index-without-our-platform")


def prepare(context: Context) -> None:
    """The common ground, and on it the service in its first version."""
    context.resources.callback(forget_versions)
    ground.prepare(context)
    house.forget(context, [CHEST.name])
    house.publish(CHEST, "1.0.0")
    serve(CHEST.tag, lambda config: Real("first", "new").apply(config, CHEST.tag, 0))
    house.deploy(context, context.resources.enter_context(sources(context)), CHEST)
    found = house.state(context, CHEST, mark="control")["databases"][CHEST.databases[0]]
    context.control("a row that was added", found["rows"]["entries"][-1][2] == "control")


def settle(context: Context) -> None:
    """The box without the service, and the registry without its versions."""
    if context.box is not None:
        with contextlib.suppress(CheckError, SandboxError):
            box.deploy(context.box)
            # After its container is gone: the keeper would lock again what runs.
            house.forget(context, [CHEST.name])
            config = f"{CHEST.config} {house.CONFIGS}/.mediastack-updates/{CHEST.name}"
            box.run(context.box, f"rm -rf {config}")
    ground.settle(context)


def forget_versions() -> None:
    """The registry has nothing of the service any more."""
    for tag in ("1.0.0", CHEST.tag):
        with contextlib.suppress(CheckError, SandboxError):
            house.withdraw(version_of(tag))


@contextlib.contextmanager
def sources(context: Context) -> Iterator[Path]:
    """A copy of the checkout whose sandbox has the service."""
    with checkout.frozen(context.box.sources) as found:
        file = found / "sandbox" / "settings.toml"
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        table["updates"] = {**table.get("updates", {}), "stable_seconds": STABLE_SECONDS}
        table.setdefault("services", {})[CHEST.name] = CHEST_SETTINGS
        file.write_text(tomli_w.dumps(table), encoding="utf-8")
        yield found


def serve(tag: str, change: Change) -> Version:
    """Serve a version that is the clean one but for `change`."""

    def all_changes(config: Document) -> None:
        times = {"Interval": SECONDS, "Timeout": 3 * SECONDS, "Retries": 10}
        config["config"]["Healthcheck"] = {**CHECK, **times}
        change(config)

    digest = variants.derive(CHEST.repository, "1.0.0", tag, all_changes)
    return Version(f"{names.REGISTRY}/{CHEST.repository}:{tag}", digest)


def version_of(tag: str) -> Version:
    """What the registry has under a tag."""
    image = f"{names.REGISTRY}/{CHEST.repository}:{tag}"
    return Version(image, served_registry.digest(CHEST.repository, tag))


class Line:
    """The versions one after the other: where the service stands, and what came of each."""

    def __init__(self, context: Context) -> None:
        self.context = context
        locked = house.state(context, CHEST)["lock"]
        self.present = Version(locked["image"], locked["digest"])
        self.schema, self.number = 0, 0
        self.outages: dict[str, float] = {}
        self.plain: dict[str, Future[bool]] = {}
        self.beside = ThreadPoolExecutor(PLAIN_AT_ONCE)
        self.served: list[Version] = []
        self.false_rollbacks = 0

    def play(self, case: Real) -> None:
        """Update to this version; whatever comes of it is judged."""
        self.number += 1
        tag = crash_tag(self.number)
        new = serve(tag, lambda config: case.apply(config, tag, self.schema))
        served = [new]
        if case.index_for:
            of_index = crash_tag(self.number, index=True)
            digest = variants.derive_index(CHEST.repository, tag, of_index, case.index_for)
            new = Version(f"{names.REGISTRY}/{CHEST.repository}:{of_index}", digest)
            served.append(new)
        try:
            with registry(self.context, case.registry):
                if not self.context.break_name:
                    self.plain[case.name] = self.beside.submit(
                        updates_real_plain.survives, self.context.box, case.name, self.present, new
                    )
                self._update(case, new)
                if case.registry:
                    self.join_plain()
        finally:
            self.served += served
        # What was found bad stays refused: its tag is there until the end, and is the next best one
        # where the registry cannot be asked for the newest. What could not be had is not bad.
        if case.registry:
            self._withdraw(served)

    def join_plain(self) -> list[str]:
        """Wait for the plain updates; return those that left their service down."""
        return [name for name, survived in self.plain.items() if not survived.result()]

    def close(self) -> None:
        """Nothing is under way any more, and the registry has none of the versions."""
        self.beside.shutdown(cancel_futures=True)
        self._withdraw(list(self.served))
        house.forget_refused(self.context)

    def _withdraw(self, versions: list[Version]) -> None:
        for version in reversed(versions):
            house.withdraw(version)
            self.served.remove(version)

    def _update(self, case: Real, new: Version) -> None:
        expected = "new" if case.ends == "new" else "old"
        sides = Sides(self.present, new, expected)
        mark = f"{self.context.random.random():.9f}"
        before = house.state(self.context, CHEST, mark=mark)
        record = Record()
        strikes = [{"step": "gate", "delay": 1.0, "what": "nobody", "then": case.meanwhile}]
        # What cannot be had need not be begun; then the hint is what is left.
        elsewhere = case.ends == "later"
        seen = crash_play.look(
            self.context,
            CHEST,
            strikes if case.meanwhile else [],
            trigger=crash_play.trigger(CHEST, new, wait=elsewhere),
            may_pass=elsewhere,
            seconds=ENDS_SECONDS,
        )
        record.add(seen)
        with contextlib.suppress(CheckError):
            house.wait_until_healthy(self.context, CHEST, self.context.patience(30.0))
        after = house.state(self.context, CHEST)
        found = list(problems(before, after, record, sides))
        if (case.ends == "old") != (new.digest in after["refused"]):
            found.append(f"refused are {len(after['refused'])} digests")
        if elsewhere and not after["hints"]:
            found.append("it could not be had, and nobody will look for it again")
        untouched = case.name in UNTOUCHED or elsewhere
        if untouched and record.outage():
            found.append("it was stopped for a version that could not be had")
        for text in found:
            self.context.violation(f"real {case.name}: {text}")
        ended = ended_as(after, sides)
        self.false_rollbacks += case.ends == "new" and ended != "new"
        if ended == "new":
            self.present, self.schema = new, self.schema + case.schema
        self.outages[case.name] = round(away(record), 1)
        say(f"  real {case.name}: {ended or 'neither'}, away for {self.outages[case.name]} s")


def away(record: Record) -> float:
    """Seconds from the end of the one that ran at first to the start of the one that stayed."""
    if len(record.ran) < 2:
        return 0.0
    first, last = record.ran[0][1], record.ran[-1][1]
    ended = next((at for at, there in record.ran if there != first), 0.0)
    stayed = next((at for at, there in reversed(record.ran) if there != last), record.ran[0][0])
    after = [at for at, there in record.ran if at > stayed and there == last]
    return max(0.0, after[0] - ended) if after and ended else 0.0


def crash_tag(number: int, *, index: bool = False) -> str:
    """The tag of a version; an index is the later one."""
    return f"2.0.{2 * number + index}"


def play(context: Context) -> None:
    """All of them, or those of every run; with a planted fault those that show it."""
    line = Line(context)
    wanted = FOCUS.get(context.break_name)
    with contextlib.closing(line), context.planted():
        for case in ALL:
            if case.name in wanted if wanted else case.default or context.full:
                line.play(case)
            if context.break_name and context.violations:
                return
        down = line.join_plain()
    played = len(line.outages)
    context.figure("real_images", played)
    context.figure("real_false_rollbacks", line.false_rollbacks)
    context.figure("real_outage", line.outages)
    context.figure("real_plain_leaves_down", len(down))
    context.figures["real_plain_down"] = down


@contextlib.contextmanager
def registry(context: Context, mode: str) -> Iterator[None]:
    """While the context lasts the box finds the registry in this mode ("": as it is)."""
    if not mode:
        yield
        return
    upstream = f"{names.REGISTRY_ADDRESS}:{names.REGISTRY_PORT}"
    program = (box.INSIDE / "registry_proxy.py").read_text(encoding="utf-8")
    path = "/run/check-registry.py"
    box.run(context.box, f"cat >{path}", stdin=program)
    process = subprocess.Popen(
        [*box.arguments(context.box, shared=False), f"python3 {path} {mode} {upstream}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise CheckError("the registry's proxy does not start in the box")
        yield
    finally:
        process.communicate("", timeout=30)


# The versions in which a planted fault shows.
FOCUS = {
    "real-config-not-restored": ("migrates-then-crashes",),
    "real-gate-believes-running": ("never-healthy",),
    "real-platform-not-looked-at": ("wrong-architecture",),
    "real-hint-forgotten": ("registry-500",),
}
