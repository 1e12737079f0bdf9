"""What an update made the truth stays the truth: for a deploy, for drift and smoke, for a rebuild.

A service of the check's own is updated (and once taken back) by the updater. A deploy then changes
nothing, drift and smoke have nothing to say. Containers, images, compose files and programs are
removed, the registry's tags move on, and the next deploy runs the very digests that ran. The
catalog's pin above the locked tag wins; a lock that cannot be read stops what would follow it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

from checks import box, checkout, ground, idempotence, runtime
from checks import updates_crash_house as house
from checks.framework import Break, CheckError, Context
from checks.updates_crash import BAD, BAD_NUMBER, forget_versions
from checks.updates_crash_house import OWN, Version
from checks.updates_crash_play import Scenario, play
from sandbox.command import SandboxError

NAME = "image-lock"
BUDGET_SECONDS = 180.0
LOCK = f"{house.STATE}/images.lock"
OTHER_SCHEMA = 99
MANAGE = "stack-manage.sh"
NO_DRIFT = "this host is as the last deploy left it"
# What an uninstall without --purge removes of ours, but for the packages.
REMOVE = f"""
systemctl stop 'mediastack-*'
docker ps -aq | xargs -r docker rm -f >/dev/null
docker image ls -aq | sort -u | xargs -r docker image rm -f >/dev/null
rm -rf /opt/mediastack
test -s {LOCK}
"""
DIGESTS = """
docker ps -q | xargs docker inspect --format '{{.Name}} {{.Config.Image}} {{.Image}}'
"""
# Parts of a snapshot, and the paths in it, that a deploy without work must leave alone.
PARTS = ("containers", "images")
PATHS = ("/opt/mediastack/", "/etc/", LOCK)


def prepare(context: Context) -> None:
    """The common ground, and the own service on it, updated once."""
    context.resources.callback(forget_versions)
    ground.prepare(context)
    forget_versions()
    house.forget_refused(context)
    house.publish(OWN, OWN.tag)
    sources = context.resources.enter_context(house.with_service(context.box.sources))
    house.deploy(context, sources)
    context.box = replace(context.box, sources=sources)
    updated(context, 1)


def settle(context: Context) -> None:
    """Without the own service, and with the images that the catalog names."""
    if context.box is not None:
        with contextlib.suppress(CheckError, SandboxError), checkout.frozen() as sources:
            house.wait_until_idle(context)
            house.to_catalog(context, [OWN])
            box.deploy(context.box, sources=sources)
            house.forget_own(context)
            runtime.wait_until_well(context.box, ground.SETTLE_SECONDS)
    context.resources.close()


def updated(context: Context, by: int, *, good: bool = True) -> Version:
    """Let the updater update the own service; return what it runs then. Raise CheckError."""
    lock = house.state(context, OWN)["lock"]
    old = Version(lock["image"], lock["digest"])
    ailment = {} if good else BAD
    with house.by_nobody_else(context):
        new = house.publish(OWN, house.bumped(OWN.tag, by), **ailment)
        context.resources.callback(house.withdraw, new)
        played = play(context, OWN, Scenario(good), (old, new), {})
    if played.ended != ("new" if good else "old"):
        raise CheckError(f"the update to {new.tag} ended with the version {played.ended or '?'}")
    # Autoheal was paused meanwhile, and is unhealthy for Docker until its next probe.
    runtime.wait_until_well(context.box, ground.SETTLE_SECONDS)
    return new if good else old


def unchanged(context: Context, when: str) -> None:
    """A deploy changes nothing; drift and smoke agree that all is as it should be."""
    host = context.box
    before = box.inside(host, "snapshot")
    done = box.deploy(host, sources=context.fault_sources)
    after = box.inside(host, "snapshot")
    for operation in done.changed:
        context.violation(f"{when} a deploy changes {operation}")
    for part in PARTS:
        for one in idempotence.differences({part: before[part]}, {part: after[part]}):
            context.violation(f"{when} a deploy changes {one}")
    for path in sorted(before["files"].keys() | after["files"].keys()):
        if path.startswith(PATHS) and before["files"].get(path) != after["files"].get(path):
            context.violation(f"{when} a deploy changes {path}")
    if context.break_name:
        return
    said = box.run(host, f"{MANAGE} drift", check=False)
    if NO_DRIFT not in said:
        context.violation(f"{when} drift says: {said.strip()[:300]}")


def runs(context: Context, wanted: Version, when: str) -> None:
    """The own service runs exactly this, and the lock names it."""
    with contextlib.suppress(CheckError):
        house.wait_until_healthy(context, OWN)
    found = house.state(context, OWN)
    have = [one["reference"] for one in found["containers"]]
    if have != [wanted.reference] or wanted.digest not in found["containers"][0]["digests"]:
        context.violation(f"{when} it runs {have} instead of {wanted.reference}")
    if (found["lock"].get("image"), found["lock"].get("digest")) != (wanted.image, wanted.digest):
        context.violation(f"{when} the lock names {found['lock']} instead of {wanted.reference}")


def deploy(context: Context) -> None:
    """After an update, and after one that was taken back."""
    present = house.state(context, OWN)["lock"]
    wanted = Version(present["image"], present["digest"])
    with context.planted():
        unchanged(context, "after an update")
    runs(context, wanted, "after an update and a deploy")
    if context.break_name:
        return
    ground.smoke(context)
    updated(context, BAD_NUMBER, good=False)
    unchanged(context, "after an update that was taken back")
    runs(context, wanted, "after an update that was taken back, and a deploy,")


def rebuild(context: Context) -> None:
    """All of ours but its state is gone, and the tags have moved on."""
    host = context.box
    lock = house.state(context, OWN)["lock"]
    locked = Version(lock["image"], lock["digest"])
    before = digests(context)
    with no_updates(context), moved_on(context, locked), context.planted():
        box.run(host, REMOVE)
        context.control("a host without containers", not digests(context))
        done = box.deploy(host, check=False)
        if done.code:
            context.violation(f"the rebuild ended with {done.code}: {done.output[-400:]}")
        try:
            runtime.wait_until_well(host, ground.SETTLE_SECONDS)
        except CheckError as error:
            context.violation(f"after the rebuild: {error}")
        context.figure("seconds_rebuild", done.seconds)
        after = digests(context)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                text = f"{name} ran {before.get(name)} and runs {after.get(name)}"
                context.violation(f"after a rebuild {text}")
        runs(context, locked, "after a rebuild")
    context.figure("containers_rebuilt", len(before))


@contextlib.contextmanager
def no_updates(context: Context) -> Iterator[None]:
    """A tag that moves on is an update, and What's Up Docker tells of it as soon as it starts."""
    box.run(context.box, f"{MANAGE} pause-updates")
    house.wait_until_idle(context)
    try:
        yield
    finally:
        box.run(context.box, f"{MANAGE} pause-updates --off", check=False)


@contextlib.contextmanager
def moved_on(context: Context, locked: Version) -> Iterator[None]:
    """The registry's tag of what is locked names another image; that one is there by digest."""
    other = house.publish(OWN, locked.tag, STANDIN_REBUILT="yes")
    context.resources.callback(house.withdraw, other)
    context.control("a tag that has moved on", other.digest != locked.digest)
    yield


def digests(context: Context) -> dict[str, list[str]]:
    """{container: what it was made from, its image} of all that run."""
    lines = box.run(context.box, DIGESTS, check=False).splitlines()
    return {name.lstrip("/"): rest for name, *rest in (line.split() for line in lines)}


def catalog(context: Context) -> None:
    """A pin above the locked tag wins."""
    newer = house.publish(OWN, house.bumped(OWN.tag, 5))
    context.resources.callback(house.withdraw, newer)
    change = {OWN.name: {"tag": newer.tag}}
    with no_updates(context), house.with_service(context.box.sources, **change) as sources:
        raised = context.box
        context.box = replace(raised, sources=sources)
        try:
            with context.planted():
                box.deploy(context.box, sources=context.fault_sources)
                runs(context, newer, "with a newer pin in the catalog")
            if not context.break_name:
                unchanged(context, "with a newer pin in the catalog")
        finally:
            context.box = raised


def unreadable(context: Context) -> None:
    """A lock of another schema is nobody's guess; an entry that is damaged moves no image."""
    host = context.box
    before = digests(context)
    box.run(host, f"cp -a {LOCK} {LOCK}.check")
    try:
        with context.planted():
            box.run(host, f'sed -i \'s/"schema": 1/"schema": {OTHER_SCHEMA}/\' {LOCK}')
            context.control("another schema", str(OTHER_SCHEMA) in box.run(host, f"cat {LOCK}"))
            done = box.deploy(host, sources=context.fault_sources, check=False, as_json=False)
            if done.code == 0 or f"schema is {OTHER_SCHEMA}" not in done.output:
                context.violation(f"with another schema the deploy ended with {done.code}")
            same(context, before, "with a lock of another schema")
        if context.break_name:
            return
        damaged = f"sed -i 's/sha256:{json.loads(entry(context))[:8]}/sha256:?/' {LOCK}.check"
        box.run(host, f"cp -a {LOCK}.check {LOCK} && {damaged.replace('.check', '')}")
        box.deploy(host, check=False)
        same(context, before, "with a damaged entry in the lock")
    finally:
        box.run(host, f"mv {LOCK}.check {LOCK}")


def entry(context: Context) -> str:
    """The hexadecimal digits of what the own service is locked to, as JSON."""
    return json.dumps(house.state(context, OWN)["lock"]["digest"].partition(":")[2])


def same(context: Context, before: dict[str, list[str]], when: str) -> None:
    """The same images run."""
    for name, now in digests(context).items():
        if before.get(name) != now:
            context.violation(f"{when} {name} ran {before.get(name)} and runs {now}")


def ignores_the_lock(context: Context) -> contextlib.AbstractContextManager[None]:
    """Programs that follow the catalog's tag, whatever is locked."""
    return ground.edited(
        context, "files/mediastack/image_lock.py",
        "            and _is_entry(one)\n", "            and False\n",
    )  # fmt: skip


@contextlib.contextmanager
def lock_lost(context: Context) -> Iterator[None]:
    """A restore that leaves the image lock out."""
    # While anything of ours is at work, it locks what runs again.
    box.run(context.box, f"systemctl stop 'mediastack-*'; echo '{{}}' >{LOCK}")
    yield


def lock_always_wins(context: Context) -> contextlib.AbstractContextManager[None]:
    """Programs to which the catalog's pin is no floor."""
    return ground.edited(
        context, "files/mediastack/image_lock.py",
        "    return is_newer(other_tag, tag)\n", "    return True\n",
    )  # fmt: skip


def guesses(context: Context) -> contextlib.AbstractContextManager[None]:
    """Programs that take a lock of any schema for one of theirs."""
    return ground.edited(
        context, "files/mediastack/image_lock.py",
        'if lock and lock.get("schema") != SCHEMA:', "if False:",
    )  # fmt: skip


CASES = {
    "deploy": deploy,
    "rebuild": rebuild,
    "catalog": catalog,
    "unreadable": unreadable,
}
BREAKS = {
    "ignores-the-lock": Break("deploy", ignores_the_lock),
    "lock-lost": Break("rebuild", lock_lost),
    "lock-always-wins": Break("catalog", lock_always_wins),
    "guesses": Break("unreadable", guesses),
}
