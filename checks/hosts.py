"""One run over five hosts: each gets its stacks and its secrets, and none waits for another.

Five boxes of the check's own with few services, placed by settings: one stack each on three, all
three on one, two on another. What runs is asked of Docker on each, secrets are searched for by
content. A second run changes nothing; with one host away the others are mended all the same, and
the run says which one failed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from checks import box, checkout, ground, runtime
from checks.box import Host
from checks.framework import Break, Context
from sandbox import lifecycle, names, state
from sandbox.command import run as command

NAME = "hosts"
BUDGET_SECONDS = 330.0
# It needs nothing of the deployed box: tests/box runs it beside the others.
ELSEWHERE = True
# Few, so that five hosts fit on a small machine.
RUNS = {
    "downloads": {"gluetun", "qbittorrent"},
    "media": {"seerr"},
    "ops": {"ntfy"},
}
PLACED = (
    ("downloads",), ("media",), ("ops",), ("downloads", "media", "ops"), ("downloads", "media"),
)  # fmt: skip
# Whose programs run on every host.
PROGRAMS = {"backup", "notify", "updater"}
DRIFT = "/etc/bash_completion.d/stack-manage"
PLACEMENT = 'one if one.stack in stacks else one.model_copy(update={"enabled": False})'
SSH = ("systemctl", "stop", "ssh.service", "ssh.socket")


def prepare(context: Context) -> None:
    """The bare boxes, and settings that place stacks on them."""
    # A fault shows on the first three as well, sooner.
    count = 3 if context.break_name else len(PLACED)
    wanted = [f"{context.box_name}-h{number}" for number in range(1, count + 1)]
    for name in wanted:
        context.resources.callback(lifecycle.down, name, assume_yes=True)
        lifecycle.down(name, assume_yes=True)
        lifecycle.up(name, assume_yes=True)
    hosts = [context.resources.enter_context(box.opened(name)) for name in wanted]
    # One name for all of them is what an inventory takes.
    context.box = dataclasses.replace(hosts[0], name=",".join(wanted))
    context.box_baseline = hosts
    folder = Path(context.resources.enter_context(tempfile.TemporaryDirectory()))
    path = folder / "settings.toml"
    path.write_text(settings([host.box.address for host in hosts]), encoding="utf-8")
    changed = {"MEDIASTACK_SANDBOX_SETTINGS": str(path)}
    context.resources.enter_context(mock.patch.dict(os.environ, changed))


def settle(context: Context) -> None:
    """The boxes go."""
    context.resources.close()


def settings(addresses: list[str]) -> str:
    """The sandbox's settings, most services off, and each address with its stacks."""
    lines = [(state.ROOT / "sandbox" / "settings.toml").read_text(encoding="utf-8")]
    stays = {name for several in RUNS.values() for name in several}
    for name in sorted(set(runtime.services()) - stays):
        lines.append(f"[services.{name}]\nenabled = false")
    for address, stacks in zip(addresses, PLACED, strict=False):
        quoted = ", ".join(f'"{one}"' for one in stacks)
        lines.append(f'[hosts."{address}"]\nstacks = [{quoted}]')
        if "ops" not in stacks:
            lines.append(f'[hosts."{address}".notify]\nserver = "https://ntfy.example"')
    return "\n".join(lines) + "\n"


def placed(context: Context) -> None:
    """Each host has what is placed there, and nothing of another's."""
    hosts: list[Host] = context.box_baseline
    with context.planted():
        first = box.deploy(context.box, sources=context.fault_sources)
        context.figure("seconds_first_run", first.seconds)
        with ThreadPoolExecutor(len(hosts)) as workers:
            found = list(workers.map(look, hosts))
    for stacks, (running, secrets, key) in zip(PLACED, found, strict=False):
        wanted = {name for stack in stacks for name in RUNS[stack]}
        for name in sorted(running ^ wanted):
            verb = "runs on" if name in running else "is missing on"
            context.violation(f"{name} {verb} the host of {', '.join(stacks)}")
        for name in sorted(secrets - wanted - PROGRAMS):
            context.violation(f"secrets of {name} are on the host of {', '.join(stacks)}")
        if key and "downloads" not in stacks:
            context.violation(f"the tunnel's key is on the host of {', '.join(stacks)}")
        if "downloads" in stacks:
            context.control("the tunnel's key where it belongs", key)
    if context.break_name:
        return
    again = box.deploy(context.box)
    context.figure("seconds_second_run", again.seconds)
    for name in again.changed:
        context.violation(f"the second run changes {name}")
    limited(context, hosts)
    # The one that was left out still has its fault.
    box.deploy(context.box)
    ground.smoke(context)


def look(host: Host) -> tuple[set[str], set[str], bool]:
    """(services that run, services with secrets, whether the tunnel's key is anywhere)."""
    label = '{{.Label "io.mediastack.service"}}'
    running = box.run(host, f"docker ps --format '{label}'").split()
    secrets = box.run(host, "ls /etc/mediastack/secrets").split()
    key = (
        (state.DIRECTORY / "secrets.toml")
        .read_text(encoding="utf-8")
        .split("wireguard_private_key")
    )
    value = key[1].split('"')[1]
    # Over stdin: a command line shows.
    search = "grep -rlF -f - /etc/mediastack /opt/mediastack /srv /var/lib/mediastack || true"
    return set(running), set(secrets), bool(box.run(host, search, stdin=f"{value}\n").strip())


def limited(context: Context, hosts: list[Host]) -> None:
    """--limit takes one host, and leaves the others as they are."""
    for host in hosts[:2]:
        box.run(host, f"chmod 0600 {DRIFT}")
    box.deploy(context.box, "--limit", hosts[0].box.address, "-y", as_json=False)
    modes = [box.run(host, f"stat -c %a {DRIFT}").strip() for host in hosts[:2]]
    if modes != ["644", "600"]:
        context.violation(f"--limit to the first host left the modes {modes}")


def away(context: Context) -> None:
    """One host cannot be reached: the others are mended, and the run says which one it was."""
    hosts: list[Host] = context.box_baseline
    lost, other = hosts[1], hosts[0]
    if context.break_name:
        box.deploy(context.box)
    container = names.box_container(lost.name)
    box.hang_up(lost)
    command(["docker", "exec", container, *SSH], check=False)
    command(["docker", "exec", container, "pkill", "-x", "sshd"], check=False)
    try:
        box.run(other, f"chmod 0600 {DRIFT}")
        with context.planted():
            done = box.deploy(
                context.box, "-y", check=False, as_json=False, sources=context.fault_sources
            )
    finally:
        command(["docker", "exec", container, "systemctl", "start", "ssh.service"], check=False)
    if done.code != 1:
        context.violation(f"with a host away the run ended with {done.code}")
    if lost.box.address not in done.output:
        context.violation("the run does not say which host is away")
    if box.run(other, f"stat -c %a {DRIFT}").strip() != "644":
        context.violation("a host that is away kept another from being mended")


def everything_everywhere(context: Context) -> contextlib.AbstractContextManager[None]:
    """A deploy that does not look at where a stack is placed."""
    return ground.edited(context, "settings/placement.py", PLACEMENT, "one")


@contextlib.contextmanager
def secrets_everywhere(context: Context) -> Iterator[None]:
    """A deploy that gives each host the secrets of all."""
    running = "{name for name, one in services.items() if one.enabled}"
    entries = "for service in enabled(settings).values()\n        for secret"
    with ground.edited(context, "settings/placement.py", running, "set(services)"):
        changed = entries.replace("enabled(settings)", "settings.services")
        checkout.edit(context.fault_sources, "host_configuration.py", entries, changed)
        yield


def one_for_all(context: Context) -> contextlib.AbstractContextManager[None]:
    """A deploy that gives up when one host does."""
    gives_up = (
        "from pyinfra import host, state\n\n"
        "if len(state.active_hosts) < len(list(state.inventory)):\n"
        "    raise SystemExit(1)\n"
    )
    return ground.edited(context, "deploy.py", "from pyinfra import host\n", gives_up)


CASES = {"placed": placed, "away": away}
BREAKS = {
    "everything-everywhere": Break("placed", everything_everywhere),
    "secrets-everywhere": Break("placed", secrets_everywhere),
    "one-for-all": Break("away", one_for_all),
}
