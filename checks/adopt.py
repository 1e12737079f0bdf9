"""A hand-made stack is adopted: all of its state is ours then, and theirs is what it was.

In the deployed box a compose project of stand-ins runs beside ours, with rows in write-ahead logs,
a torrent, keys, settings and owners of its own (inside/hand_made.py). `adopted` takes all of it
over; `refused` tries what cannot be right; `sick` brings a state that the service cannot live with;
`killed` ends adoptions by SIGKILL. What was there is compared by a checksum tree of the check's
own, and rows, keys and torrents are asked for through the programs' own web interfaces.
"""

from __future__ import annotations

import contextlib

from checks import adopt_breaks as breaks
from checks import adopt_refusals, box, ground, runtime
from checks import adopt_world as world
from checks.framework import Break, CheckError, Context
from checks.inside import hand_made
from sandbox.command import SandboxError

NAME = "adopt"
BUDGET_SECONDS = 300.0
# Any deployed box will do: tests/box runs it in one of the other lane.
ANY_BOX = True
# Where, and how many seconds later.
KILLS = (("copy", 0.0), ("copy", 0.1), ("in", 0.0), ("in", 0.3), ("in", 2.0), ("keep", 0.0))
FULL_KILLS = 30
KILLED = ("adopt", "--service", "sonarr", "--from", "hand-made", "--yes")


def prepare(context: Context) -> None:
    """The common ground, and a hand-made stack beside it."""
    ground.prepare(context)
    world.make(context)


def settle(context: Context) -> None:
    """Without the hand-made stack."""
    if context.box is not None:
        with contextlib.suppress(CheckError, SandboxError):
            world.away(context)
    ground.settle(context)


def adopted(context: Context) -> None:
    """Everything becomes ours, and nothing of theirs changes."""
    host, keys = context.box, world.their_keys(context)
    rows = world.rows(context, of_theirs=True)
    # One whose rows lie in a log that nobody has open any more.
    box.run(host, "docker kill seerr-of-theirs")
    theirs = world.theirs(context)
    context.control("rows of theirs", all(len(one) == world.ROWS for one in rows.values()))
    with context.planted():
        world.deploy_fault(context)
        before = world.ours(context)
        told = box.run(host, f"{world.PROGRAM} adopt --from hand-made --dry-run")
        for word in (*world.SERVICES, "2001:2002", "UrlBase: /tv", "dry run: nothing was changed"):
            if word not in told:
                context.violation(f"the dry run does not say {word!r}: {told[-600:]}")
        world.same(context, "the dry run", {}, world.differences(before, world.ours(context)))
        done = world.adopt(context, "--from hand-made --yes")
        if done["code"]:
            context.violation(f"adopt ended with {done['code']}: {done['said'][-600:]}")
        world.same(context, "the adoption", theirs, world.theirs(context))
        judge(context, keys, rows)
    if not context.break_name:
        done_again = box.deploy(host)
        for operation in done_again.changed:
            context.violation(f"a deploy after it changes {operation}")
        ground.smoke(context)


def judge(context: Context, keys: dict[str, str], rows: dict[str, list[str]]) -> None:
    """Rows, keys, settings, owners and the torrent are where they belong."""
    host = context.box
    with contextlib.suppress(CheckError):
        runtime.wait_until_well(host, context.patience(ground.SETTLE_SECONDS))
    found = world.rows(context)
    for service in world.PORTS:
        if found[service] != rows[service]:
            context.violation(f"{service} has the rows {found[service]} of {rows[service]}")
    context.figure("rows", sum(map(len, found.values())))
    for problem in world.keys(context, keys):
        context.violation(problem)
    for problem in world.settings(context):
        context.violation(problem)
    for problem in world.owners(context):
        context.violation(problem)
    password = box.run(host, f"cat {world.SECRETS}/qbittorrent/web_password")
    url = f"http://{world.bind(context)}:8080/api/v2"
    form = {"username": "admin", "password": password}
    login, listed = box.inside(host, "ask", questions=[
        {"url": f"{url}/auth/login", "form": form}, {"url": f"{url}/torrents/info"},
    ])  # fmt: skip
    if hand_made.torrent()[0] not in listed[1]:
        context.violation(f"qBittorrent has no torrent of theirs (login {login[0]}, {listed[0]})")
    if left := box.run(host, world.LEFT).split():
        context.violation(f"left over: {', '.join(left)}")


def refused(context: Context) -> None:
    """What cannot be right is refused with words that help, and nothing is touched."""
    host = context.box
    with context.planted():
        world.deploy_fault(context)
        theirs, ours = world.theirs(context), world.ours(context)
        for one in adopt_refusals.situations():
            try:
                box.run(host, one.before)
                done = world.adopt(context, one.arguments)
            finally:
                box.run(host, one.after)
            if done["code"] != one.code:
                context.violation(f"{one.name}: exit {done['code']}: {done['said'][-400:]}")
            if one.words not in done["said"]:
                context.violation(f"{one.name}: does not say {one.words!r}: {done['said'][-400:]}")
            changed = world.differences(ours, world.ours(context))
            world.same(context, one.name, {}, changed)
            if changed:
                # Else every one after it would be blamed as well.
                ours = world.ours(context)
        world.same(context, "a refusal", theirs, world.theirs(context))
    context.figure("refused", len(adopt_refusals.situations()))


def sick(context: Context) -> None:
    """A service that cannot live with the new state gets its old one back."""
    host, copy = context.box, f"{world.TOP}/seerr-sick"
    sickness = f"echo '{{\"exit_code\": 3}}' >{copy}/.standin.json"
    box.run(host, f"cp -a {world.TOP}/seerr {copy}; {sickness}")
    rows = world.rows(context)["seerr"]
    secrets_before = box.inside(host, "sums", tops=[world.SECRETS])
    try:
        with context.planted():
            world.deploy_fault(context)
            done = world.adopt(context, f"--directory seerr={copy} --yes")
            if done["code"] != 1 or "its old state is back" not in done["said"]:
                context.violation(f"a sick adoption: exit {done['code']}: {done['said'][-600:]}")
            with contextlib.suppress(CheckError):
                runtime.wait_until_well(host, context.patience(60.0), ["seerr"])
            for problem in runtime.problems(runtime.look(host), ["seerr"]):
                context.violation(f"after an adoption that was taken back: {problem}")
            if world.rows(context)["seerr"] != rows:
                context.violation("seerr has not the rows of before")
            secrets_after = box.inside(host, "sums", tops=[world.SECRETS])
            world.same(context, "a sick adoption", secrets_before, secrets_after)
            if left := box.run(host, world.LEFT).split():
                context.violation(f"left over: {', '.join(left)}")
    finally:
        # Also where it has stayed, against all promises.
        box.run(host, f"rm -rf {copy} {world.CONFIG}/seerr/.standin.json")


def killed(context: Context) -> None:
    """Killed anywhere it is the old state or the new one, and the next run ends it."""
    host = context.box
    points = list(KILLS)
    if context.full:
        more = FULL_KILLS - len(points)
        # A copy is over in half a second.
        points += [(point, context.random.random() * (0.3 if point == "copy" else 3.0))
                   for point in context.random.choices(("copy", "in", "keep"), k=more)]  # fmt: skip
    hit = new = 0
    with context.planted():
        world.deploy_fault(context)
        for number, (point, delay) in enumerate(points):
            what = f"killed at {point} + {delay:.1f} s"
            key, row = world.new_key(), f"row of kill {number}"
            old_key = box.run(host, f"cat {world.SECRETS}/sonarr/api_key")
            box.inside(host, "hand_made", what="rekey", key=key, row=row)
            theirs = world.theirs(context)
            command = [
                world.PROGRAM,
                *["adopt", "--service", "sonarr", "--from", "hand-made", "--yes"],
            ]
            found = box.inside(host, "killed_adoption", command=command, point=point, delay=delay)
            if not found["reached"]:
                raise CheckError(f"it never came to {point}: {found['said'][-400:]}")
            hit += bool(found["killed"])
            done = world.adopt(context, "--resume")
            if done["code"]:
                context.violation(f"{what}: the next run ends with {done['said'][-400:]}")
            with contextlib.suppress(CheckError):
                runtime.wait_until_well(host, context.patience(60.0))
            for problem in runtime.problems(runtime.look(host), ["sonarr", "bazarr", "unpackerr"]):
                context.violation(f"{what}: {problem}")
            is_new = row in world.rows(context)["sonarr"]
            new += is_new
            for problem in world.keys(context, {"sonarr": key if is_new else old_key}):
                context.violation(f"{what}: with the {'new' if is_new else 'old'} rows {problem}")
            if left := box.run(host, world.LEFT).split():
                context.violation(f"{what}: left over: {', '.join(left)}")
            world.same(context, what, theirs, world.theirs(context))
    context.control("adoptions that were really killed", hit > 0)
    context.figure("killed", hit)
    context.figure("new_after_kill", new)


CASES = {"adopted": adopted, "refused": refused, "sick": sick, "killed": killed}
BREAKS = {
    "databases-as-files": Break("adopted", breaks.databases_as_files),
    "touches-theirs": Break("adopted", breaks.touches_theirs),
    "keys-stay": Break("adopted", breaks.keys_stay),
    "owners-stay": Break("adopted", breaks.owners_stay),
    "password-stays": Break("adopted", breaks.password_stays),
    "takes-newer": Break("refused", breaks.takes_newer),
    "not-compared": Break("refused", breaks.not_compared),
    "no-way-back": Break("sick", breaks.no_way_back),
    "forgets": Break("killed", breaks.forgets),
}
