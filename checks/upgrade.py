"""From the last release to this checkout, and to a made-up next one: told before, and nothing lost.

A bare box of the check's own gets the last release, deployed from its commit. Then twice: say what
would change (which must itself change nothing), deploy, and compare, subject by subject, what was
said of containers, files and ports with what changed. Secrets and the services' state must be what
they were, the smoke checks green, and a deploy back to the older release refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import releases
from checks import box, checkout, ground, newer, runtime
from checks.drift import compare
from checks.framework import Break, CheckError, Context
from checks.idempotence import differences
from host_configuration import VERSION
from sandbox import lifecycle
from sandbox.progress import say

NAME = "upgrade"
BUDGET_SECONDS = 240.0
# It needs nothing of the deployed box: tests/box runs it beside the others.
ELSEWHERE = True
SMOKE_SECONDS = 120.0
BARE = "test ! -e /opt/mediastack && ! command -v docker >/dev/null"
# What an account that is made changes; its line names the account.
ACCOUNTS = {"/etc/passwd", "/etc/group"}
# Written by the host's own programs or made by systemd, as a consequence of lines that are told.
CONSEQUENCES = re.compile(r"/images\.(yaml|lock)$|\.wants(/|$)|/opt/mediastack/venv|-new$")


def prepare(context: Context) -> None:
    """A bare box of our own, and the release before this checkout unpacked."""
    name = f"{context.box_name}-upgrade"
    context.resources.callback(lifecycle.down, name)
    context.box = context.resources.enter_context(box.opened(name))
    if not box.succeeds(context.box, BARE):
        say(f"  box {name} is left over from another run: made anew")
        box.hang_up(context.box)
        lifecycle.down(name)
        lifecycle.up(name, assume_yes=True)


def settle(context: Context) -> None:
    """The box goes."""
    context.resources.close()


@contextlib.contextmanager
def last_release() -> Iterator[Path]:
    """The sources of the release before this checkout. Raise CheckError when they are not here."""
    with tempfile.TemporaryDirectory(prefix="mediastack-release-") as directory:
        unpacked = Path(directory) / "unpacked"
        try:
            releases.extract(releases.previous(VERSION), unpacked)
        except (releases.Absent, ValueError) as error:
            raise CheckError(str(error)) from error
        made = checkout.copy(unpacked, Path(directory) / "checkout")
        for name in checkout.LINKED:
            (made / name).symlink_to((releases.ROOT / name).resolve())
        yield made


def from_last_release(context: Context) -> None:
    """The last release is deployed, and then this checkout."""
    host = context.box
    with last_release() as old:
        done = box.deploy(host, sources=old)
        context.figure("seconds_deploy_last_release", done.seconds)
    with context.planted():
        upgrade(context, context.fault_sources or host.sources, "to_this")
    ground.smoke(context)


def to_next_release(context: Context) -> None:
    """This checkout is deployed, then a release with a change of every kind; and no way back."""
    host = context.box
    box.deploy(host)
    with newer.release(host.sources) as sources, context.planted():
        if context.fault_sources is not None:
            for path in ("upgrade.py", "upgrade_check.py"):
                (sources / path).write_bytes((context.fault_sources / path).read_bytes())
        told = upgrade(context, sources, "to_next")
        for kind in sorted(newer.KINDS - {one["kind"] for one in told}):
            context.violation(f"no line of the kind {kind} for the next release")
        back(context)


def back(context: Context) -> None:
    """A deploy of this checkout over the newer release is refused, and changes nothing."""
    before = box.inside(context.box, "snapshot")
    done = box.deploy(context.box, sources=context.fault_sources, check=False)
    if not done.code or "newer than this checkout" not in done.output:
        context.violation("an older release is deployed over a newer one without a word")
    for text in differences(before, box.inside(context.box, "snapshot")):
        context.violation(f"the refused deploy changed {text}")


def upgrade(context: Context, sources: Path, figures: str) -> list[dict[str, str]]:
    """Say what `sources` would change, deploy it, compare; return what was said."""
    host = context.box
    runtime.wait_until("the box is quiet", lambda: unwell(context), ground.SETTLE_SECONDS)
    kept = box.inside(host, "kept", marking=True)
    seen = box.inside(host, "managed")["state"]
    still = box.inside(host, "snapshot")
    told = ask(context, sources)
    for text in differences(still, box.inside(host, "snapshot")):
        context.violation(f"scripts/upgrade-check changed {text}")
    context.control("that there is something to change", bool(told))
    done = box.deploy(host, "-y", sources=sources)
    context.figure(f"{figures}_seconds_deploy", done.seconds)
    now = box.inside(host, "kept")
    after = box.inside(host, "managed")["state"]
    moved = {
        name
        for name in kept["containers"].keys() | now["containers"].keys()
        if kept["containers"].get(name) != now["containers"].get(name)
    }
    compare(context, "upgrade-check", moved, said(told, "container"))
    of_accounts = ACCOUNTS if said(told, "account") else set()
    compare(context, "upgrade-check", files(seen, after) - of_accounts, paths(told))
    compare(context, "upgrade-check", ports(seen) ^ ports(after), ports_said(told))
    unchanged(context, kept, now, said(told, "secret"))
    if again := [one for one in ask(context, sources) if one["kind"] != "stopped"]:
        context.violation(f"after the deploy upgrade-check still names {again[:3]}")
    context.figure(f"{figures}_containers_made_anew", len(moved))
    context.figure(f"{figures}_lines", len(told))
    context.figure(f"{figures}_paths_changed", len(files(seen, after)))
    return told


def unwell(context: Context) -> str:
    """What does not run or is not healthy in the box, whatever release it has."""
    shown = box.run(context.box, "docker ps -a --format '{{.Names}} {{.State}} {{.Status}}'")
    bad = [line for line in shown.splitlines() if " running " not in line or "starting" in line]
    return "; ".join(bad + [line for line in shown.splitlines() if "unhealthy" in line])


def ask(context: Context, sources: Path) -> list[dict[str, str]]:
    """What upgrade-check of these sources says of the box."""
    done = subprocess.run(
        [f"{sys.prefix}/bin/python", "-m", "upgrade_check", "--json"],
        cwd=sources,
        env={**os.environ, "MEDIASTACK_BOX": context.box.name, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckError(f"upgrade-check ended with {done.returncode}: {done.stderr[-800:]}")
    (lines,) = json.loads(done.stdout)["hosts"].values()
    return list(lines)


def said(told: list[dict[str, str]], kind: str) -> set[str]:
    """The subjects of the lines of one kind."""
    return {one["subject"] for one in told if one["kind"] == kind}


def paths(told: list[dict[str, str]]) -> set[str]:
    """The paths that were said to change; secrets are files as well."""
    return said(told, "file") | said(told, "secret")


def files(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The managed paths that are others than before, but for mere consequences."""
    old, new = before["files"], after["files"]
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    return {path for path in changed if not CONSEQUENCES.search(path)}


def ports(state: dict[str, Any]) -> set[str]:
    """The host's ports that are published by some container."""
    bindings = [one["ports"] or {} for one in state["containers"].values()]
    return {entry["HostPort"] for one in bindings for several in one.values() for entry in several}


def ports_said(told: list[dict[str, str]]) -> set[str]:
    """The numbers in the lines about ports."""
    return {
        number
        for one in told
        if one["kind"] == "port"
        for number in re.findall(r"\d+", one["text"])
    }


def unchanged(
    context: Context, before: dict[str, Any], after: dict[str, Any], told: set[str]
) -> None:
    """No secret and no service's state is lost or altered, but for files that were named."""
    for part in ("secrets", "marks"):
        for path, entry in before[part].items():
            if after[part].get(path) != entry and path not in told:
                context.violation(f"{path} is not what it was before the upgrade")
    context.figure("secrets_compared", len(before["secrets"]))
    context.control("the state of the services", len(before["marks"]) > 0)


def forgets_a_container(context: Context) -> contextlib.AbstractContextManager[None]:
    """An upgrade-check that does not know of mounted files that will be replaced."""
    return ground.edited(context, "upgrade.py", "    mounted_anew(observation, answers)\n", "")


def writes(context: Context) -> contextlib.AbstractContextManager[None]:
    """An upgrade-check that leaves a file on the host."""
    start = "    deployed = os.access("
    touch = '    open("/etc/mediastack/looked", "w").close()\n'
    return ground.edited(context, "remote/upgrade.py", start, touch + start)


def changes_more(context: Context) -> contextlib.AbstractContextManager[None]:
    """A deploy that also changes what nobody named: the state of a service."""
    last = '    remember(spec["record"], due_record(spec, record))\n'
    mark = "/srv/mediastack/config/sonarr/check-upgrade.state"
    more = f'    os.path.exists("{mark}") and os.truncate("{mark}", 0)\n'
    return ground.edited(context, "remote/tree.py", last, last + more)


def lets_the_older_in(context: Context) -> contextlib.AbstractContextManager[None]:
    """A preflight that does not look at the release."""
    return ground.edited(
        context, "tasks/preflight.py", "*(() if downgrade else release_problems(facts)),", ""
    )


CASES = {"last-release": from_last_release, "next-release": to_next_release}
BREAKS = {
    "forgets-a-container": Break("next-release", forgets_a_container),
    "writes": Break("last-release", writes),
    "changes-more": Break("last-release", changes_more),
    "lets-the-older-in": Break("next-release", lets_the_older_in),
}
