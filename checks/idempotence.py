"""A second deploy changes nothing: not in its own words, not in Docker's, not on the disk.

Three witnesses that know nothing of each other: pyinfra's JSON result, Docker's event stream
(recorded live, because Docker keeps only the last 256 events), and a snapshot of the box before
and after: content, owner, mode, inode and time of every managed path, ids and start times of
containers, states of units, images, packages.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from checks import box, checkout, ground, runtime
from checks.framework import Break, CheckError, Context

NAME = "idempotence"
BUDGET_SECONDS = 60.0
FULL_DEPLOYS = 10
RECORDER_SECONDS = 15.0
# Health checks run all the time and are not among these.
EVENTS = (
    *("create", "start", "restart", "stop", "die", "kill", "oom", "pause", "unpause", "destroy"),
    *("rename", "update", "pull", "import", "load", "tag", "untag", "delete", "connect"),
    *("disconnect", "prune", "reload"),
)
CONTROL = "check-control"

prepare = ground.prepare
settle = ground.settle


def second_deploy(context: Context) -> None:
    """Deploy what is deployed; what moved?"""
    host = context.box
    for _ in range(FULL_DEPLOYS if context.full else 1):
        before = box.inside(host, "snapshot")
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "events"
            with _events(context, log) as caught_up, context.planted():
                done = box.deploy(host, "-vv", "-y", sources=context.fault_sources)
                after = box.inside(host, "snapshot")
                events = caught_up()
            for operation in done.changed:
                context.violation(f"pyinfra reports a change: {operation}")
            for event in events:
                context.violation(f"Docker event: {event}")
        moved = differences(before, after)
        for one in moved:
            context.violation(f"not as before: {one}")
        context.figure("seconds_deploy", done.seconds)
        context.figure("remote_commands", done.output.count(">>> "))
    context.figure("paths_compared", len(before["files"]))
    context.figure("containers_compared", len(before["containers"]))


def dry_run(context: Context) -> None:
    """--dry on a converged box predicts nothing."""
    predicted = box.deploy(context.box, "--dry")
    for operation in predicted.changed:
        context.violation(f"--dry predicts a change: {operation}")
    context.figure("seconds_dry", predicted.seconds)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Every key of two snapshots whose values are not equal."""
    found = []
    for part in before.keys() | after.keys():
        old, new = (
            dict.fromkeys(one, "there") if isinstance(one, list) else one
            for one in (before[part], after[part])
        )
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                found.append(f"{part} {key}: {_shown(old.get(key))} -> {_shown(new.get(key))}")
    return found


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)[:160]


@contextlib.contextmanager
def _events(context: Context, log: Path) -> Iterator[Callable[[], list[str]]]:
    """Record Docker's events; the recorder is proven to be listening by a container of our own."""
    host = context.box
    filters = " ".join(f"--filter event={name}" for name in EVENTS)
    image = box.run(host, "docker inspect --format '{{.Image}}' ntfy").strip()
    create = f"docker create --name {CONTROL} {image} && docker rm {CONTROL}"
    with box.recorded(host, f"docker events {filters} --format '{{{{json .}}}}'", log):

        def control_is_missing() -> str:
            box.run(host, create)
            return "" if CONTROL in log.read_text() else "no event of the control container"

        runtime.wait_until("the recorder listens", control_is_missing, RECORDER_SECONDS)
        context.control("the control container's events", True)

        def caught_up() -> list[str]:
            # What the deploy's last command did may still be on its way.
            box.run(host, create.replace(CONTROL, f"{CONTROL}-end"))
            runtime.wait_until(
                "the recorder has caught up",
                lambda: "" if f"{CONTROL}-end" in log.read_text() else "the last event is missing",
                RECORDER_SECONDS,
            )
            return [line for line in _read(log) if CONTROL not in line]

        yield caught_up


def _read(log: Path) -> list[str]:
    lines = []
    for line in log.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError as error:
            raise CheckError(f"the event recorder broke off: {line[:200]}") from error
        name = event.get("Actor", {}).get("Attributes", {}).get("name", event.get("id", ""))
        lines.append(f"{event['Type']} {event['Action']} {name}")
    return lines


@contextlib.contextmanager
def changed_operation(context: Context) -> Iterator[None]:
    """An operation that always has something to do."""
    with checkout.frozen(context.box.sources) as sources:
        deploy = sources / "deploy.py"
        fault = "\nfrom pyinfra.operations import server\n"
        fault += 'server.shell(name="Planted fault", commands=["true"])\n'
        deploy.write_text(deploy.read_text(encoding="utf-8") + fault, encoding="utf-8")
        context.fault_sources = sources
        yield


def during_the_deploy(command: str) -> Callable[[Context], Any]:
    """A fault that is a command in the box, run while the deploy is under way."""

    @contextlib.contextmanager
    def plant(context: Context) -> Iterator[None]:
        timer = threading.Timer(2.0, lambda: box.run(context.box, command, shared=False))
        timer.start()
        try:
            yield
        finally:
            timer.join()

    return plant


@contextlib.contextmanager
def restarted_container(context: Context) -> Iterator[None]:
    """A container is restarted while the deploy is under way."""
    with during_the_deploy("docker restart --time 1 dozzle")(context):
        yield


@contextlib.contextmanager
def pulled_image(context: Context) -> Iterator[None]:
    """An image that is there already is pulled again."""
    with during_the_deploy("docker pull -q $(docker inspect -f '{{.Config.Image}}' dozzle)")(
        context
    ):
        yield


@contextlib.contextmanager
def changed_file(context: Context) -> Iterator[None]:
    """A managed file is edited by hand between the deploys."""
    box.run(context.box, "echo '# edited' >> /opt/mediastack/stacks/media/compose.yaml")
    yield  # the deploy itself mends it


@contextlib.contextmanager
def changed_mode(context: Context) -> Iterator[None]:
    """A secret's mode is widened after the snapshot."""
    path = shlex.quote("/etc/mediastack/secrets/.salt-key")
    box.run(context.box, f"chmod g+r {path}")
    try:
        yield
    finally:
        box.run(context.box, f"chmod 0400 {path}")


@contextlib.contextmanager
def unknown_file(context: Context) -> Iterator[None]:
    """A file that no operation knows of appears among the managed ones."""
    path = "/usr/local/sbin/planted-fault"
    box.run(context.box, f"touch {path}")
    try:
        yield
    finally:
        box.run(context.box, f"rm {path}")


CASES = {"dry": dry_run, "second": second_deploy}
BREAKS = {
    "changed-operation": Break("second", changed_operation),
    "restarted-container": Break("second", restarted_container),
    "pulled-image": Break("second", pulled_image),
    "changed-file": Break("second", changed_file),
    "changed-mode": Break("second", changed_mode),
    "unknown-file": Break("second", unknown_file),
}
