"""An uninstall leaves the host as it was before the first deploy, but for what it says it leaves.

A bare box of its own is read as a whole, deployed, used (media, a row of an app's state, a file of
the user's among ours), and uninstalled, with a SIGKILL on the way and once more to the end. What
then differs from the beginning must be among what the uninstall said, and what it said must be
there. A new deploy takes up what was left; --purge then leaves media alone.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import monitor_configuration
import update_configuration
from checks import box, ground, runtime
from checks.framework import Break, Context
from sandbox import lifecycle
from sandbox.command import SandboxError

NAME = "uninstall"
PLAN = "files/mediastack/uninstall_plan.py"
BUDGET_SECONDS = 240.0
# It needs nothing of the deployed box: tests/box runs it beside the others.
ELSEWHERE = True
UNINSTALL = "/usr/local/sbin/stack-manage.sh uninstall"
FILM = "/data/media/movies/A Film (2026)/film.mkv"
STATE = "/srv/mediastack/config/sonarr/by-hand.txt"
KEY = "/etc/mediastack/secrets/sonarr/api_key"
STAYS = re.compile(r"^  (\S.*?): ", re.MULTILINE)
# What removed packages leave of themselves on any host: state that dpkg does not own.
LEFT_BY_PACKAGES = re.compile(
    r"^/(etc|var/lib)/(ssl|ca-certificates|python3|dbus|ucf|iptables|nftables|debconf|docker"
    r"|containerd|apparmor|machine-id|alternatives|ld\.so\.cache|group-?|gshadow-?|passwd-?"
    r"|shadow-?|subuid-?|subgid-?|mailcap|shells|rc\d\.d|init\.d|default|systemd/system)\b"
    r"|^/(etc|usr|var|var/lib|opt)$|^/usr/(lib|share|bin|sbin|include|libexec)\b|^/opt/containerd"
)


def prepare(context: Context) -> None:
    """A bare box that nothing was ever deployed to."""
    name = f"{context.box_name}-uninstall"
    with contextlib.suppress(SandboxError):
        lifecycle.down(name, assume_yes=True)
    context.resources.callback(lifecycle.down, name, assume_yes=True)
    context.box = context.resources.enter_context(box.opened(name))


def settle(context: Context) -> None:
    """The box was this check's own."""
    context.resources.close()


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Paths, packages, units and accounts that are not as before."""
    found = []
    for kind in ("files", "packages", "units"):
        for name in sorted(before[kind].keys() | after[kind].keys()):
            was, now = before[kind].get(name), after[kind].get(name)
            gone = now in ("not-installed", "config-files") and was is None
            if was != now and not gone:
                found.append(f"{name}: {was} -> {now}")
    if before["links"] != after["links"]:
        found.append(f"network devices: {before['links']} -> {after['links']}")
    return found


def unexplained(found: list[str], said: list[str]) -> list[str]:
    """Differences that the uninstall did not name, below any place it did."""
    places = [one for line in said for one in re.split(r", ", line) if one.startswith("/")]
    left = []
    for one in found:
        path = one.partition(": ")[0]
        named = any(path == p or path.startswith(f"{p}/") or p.startswith(path) for p in places)
        if not named and not LEFT_BY_PACKAGES.match(path):
            left.append(one)
    return left


def used(context: Context) -> None:
    """What a household has after a while."""
    host = context.box
    box.deploy(host)
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    box.run(host, f"mkdir -p '{FILM.rpartition('/')[0]}'; echo film >'{FILM}'")
    box.run(host, f"echo mine >{STATE}")


def kept(context: Context) -> None:
    """Without --purge: media, app state and secrets stay; everything else is as before."""
    host = context.box
    before = box.inside(host, "whole")
    used(context)
    key = box.run(host, f"cat {KEY}")
    listed = box.run(host, f"{UNINSTALL} --dry-run")
    if box.run(host, "docker ps -q").count("\n") < 10:
        context.violation("--dry-run changed something")
    said = STAYS.findall(listed.partition("This stays:")[2])
    with context.planted():
        repaired = context.fault_sources
        if repaired:
            box.deploy(host, sources=repaired)
        # Killed on the way; then again to the end.
        seconds = context.random.uniform(2, 12)
        box.run(host, f"timeout -s KILL {seconds:.1f} {UNINSTALL} --yes", check=False)
        if box.succeeds(host, "test -e /usr/local/sbin/stack-manage.sh"):
            box.run(host, f"{UNINSTALL} --yes", timeout=300)
        else:
            box.run(host, "/opt/mediastack/bin/stack-manage.sh uninstall --yes", timeout=300)
        compare(context, before, said)
    if context.break_name:
        return
    context.control("the film that stays", box.succeeds(host, f"test -e '{FILM}'"))
    if box.run(host, f"cat {STATE}", check=False) != "mine\n":
        context.violation("the apps' state did not stay")
    box.deploy(host)
    runtime.wait_until_well(host, ground.SETTLE_SECONDS)
    if box.run(host, f"cat {KEY}") != key:
        context.violation("a new deploy made another key than the apps' state has")
    purged(context, before)


def compare(context: Context, before: dict[str, Any], said: list[str]) -> None:
    """The host now, with the host before the first deploy."""
    host = context.box
    after = box.inside(host, "whole")
    if after["containers"]:
        context.violation(f"containers are left: {after['containers']}")
    for one in unexplained(differences(before, after), said):
        context.violation(f"not as before and not named: {one}")
    # Packages that go leave accounts, so /etc/passwd as a whole says nothing.
    for account in (monitor_configuration.ACCOUNT, update_configuration.ACCOUNT):
        if box.succeeds(host, f"getent passwd {account}"):
            context.violation(f"the account {account} is left")
    for path in (p for line in said for p in line.split(", ") if p.startswith("/")):
        if not box.succeeds(host, f"test -e '{path}'"):
            context.violation(f"it said that {path} stays, and it is gone")
    context.figure("said_to_stay", len(said))
    for path in (FILM, STATE) if "config" in " ".join(said) else (FILM,):
        if not box.succeeds(host, f"test -s '{path}'"):
            context.violation(f"{path} is gone")


def purged(context: Context, before: dict[str, Any]) -> None:
    """With --purge: media alone stay."""
    host = context.box
    listed = box.run(host, f"{UNINSTALL} --purge --yes", timeout=300)
    said = STAYS.findall(listed.partition("This stays:")[2])
    compare(context, before, said)
    if box.succeeds(host, "test -e /srv/mediastack/config"):
        context.violation("--purge left the apps' state")


def careless(context: Context) -> contextlib.AbstractContextManager[None]:
    """An uninstall that removes the apps' state without being told to."""
    return ground.edited(context, PLAN, "        if purge:", "        if True:")


def forgetful(context: Context) -> contextlib.AbstractContextManager[None]:
    """An uninstall that leaves files of ours and does not say so."""
    return ground.edited(
        context, PLAN, "        if ours:", "        if ours and 'systemd' not in path:"
    )


def packages_left(context: Context) -> contextlib.AbstractContextManager[None]:
    """An uninstall that leaves the packages without a word."""
    return ground.edited(context, PLAN, '    elif seen["installed"]:', "    elif False:")


def account_left(context: Context) -> contextlib.AbstractContextManager[None]:
    """An uninstall that forgets the monitor's account."""
    return ground.edited(context, PLAN, '    if name := found["account"]:', "    if name := '':")


CASES = {"kept": kept}
BREAKS = {
    "careless": Break("kept", careless),
    "forgetful": Break("kept", forgetful),
    "account-left": Break("kept", account_left),
    "packages-left": Break("kept", packages_left),
}
