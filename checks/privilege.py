"""Who takes over the watcher gets nothing, and what may be asked of the healer leads nowhere else.

`watcher`: a probe with exactly the watcher's rights (its installed unit with another program), and
once more with its account alone, tries what would make it root or show it what is root's; root, who
tries the same, gets all of it. `door`: who may connect. `healer`: whatever else is asked, in lines
thought out and 1,000 by seed, is refused, and then containers, /etc and programs are the same.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from checks import box, ground, privilege_faults, runtime
from checks.framework import Break, CheckError, Context
from checks.privilege_faults import ACCOUNT, DOOR, PLACE, SECRETS, WATCHER

NAME = "privilege"
BUDGET_SECONDS = 60.0
REQUESTS, FULL_REQUESTS = 1000, 20000
NOBODY = "nobody"
STATE = "/var/lib/mediastack"
PROBE = "check-privilege"
TARGET = f"{PROBE}-target.service"
# What a probe with the watcher's unit is, besides the unit itself.
OTHER_PROGRAM = f"""
[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/bin/python3 {PLACE}/probe.py
Restart=no
WatchdogSec=0
StandardOutput=file:{PLACE}/found
"""
CONNECT = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5);"
    f" s.connect({DOOR!r}); print(s.recv(200).decode())"
)
EVIL = """\
services:
  check-privilege:
    container_name: check-privilege
    image: {image}
    entrypoint: ["true"]
    privileged: true
    volumes: ["/:/host"]
"""


def prepare(context: Context) -> None:
    """The common ground; a process of root's as a target."""
    ground.prepare(context)
    box.run(context.box, _sweep())
    box.run(
        context.box,
        f"mkdir -p {PLACE} && systemd-run --quiet --unit={TARGET} sleep infinity",
    )


def settle(context: Context) -> None:
    """Nothing of ours is left."""
    if context.box is not None:
        box.run(context.box, _sweep(), check=False)
    ground.settle(context)


def watcher(context: Context) -> None:
    """The watcher's unit and its account alone give a probe nothing; root gets everything."""
    host = context.box
    asked = _asked(context)
    as_root = box.inside(host, "privilege", **asked)
    box.run(host, f"docker rm --force {PROBE}")
    missing = sorted(what for what, got in as_root["got"].items() if not got)
    context.control(f"what root can do ({', '.join(missing) or 'all'})", not missing)
    with context.planted():
        found = {
            "with the watcher's unit": _in_unit(context, asked),
            "with the watcher's account": box.inside(
                host, "privilege", wrapper=f"runuser -u {ACCOUNT} --", **asked
            ),
        }
        real = _status(context)
    for who, probe in found.items():
        for what, got in probe["got"].items():
            if got:
                context.violation(f"{who} one can {what}: {got}")
        groups = probe["status"]["Groups"]
        if groups not in ("", probe["status"]["Gid"].split()[0]):
            context.violation(f"{who} one is in the groups {groups}")
    in_unit = found["with the watcher's unit"]["status"]
    context.control("a probe with the watcher's own rights", in_unit == real)
    context.figure("tried", len(as_root["got"]) * len(found))


def door(context: Context) -> None:
    """Nobody but root and the watcher's account is let in: by the file's mode, and by who asks."""
    host = context.box
    with context.planted():
        listed = box.run(host, f"stat --format '%U %a' {DOOR}").strip()
        if listed != f"{ACCOUNT} 600":
            context.violation(f"the healer's socket is {listed}")
        if (said := _connect(context, NOBODY)) is not None:
            context.violation(f"{NOBODY} can connect to the healer: {said}")
        box.run(host, f"chmod 0666 {DOOR}")
        try:
            said = _connect(context, NOBODY)
        finally:
            box.run(host, f"chmod 0600 {DOOR}")
        # The second lock behind the first.
        if said is None or "not for you" not in said:
            context.violation(f"the healer answers {NOBODY}: {said or 'nothing'}")
    look = box.inside(host, "healer_look", path=DOOR)
    context.control("an answer to who may ask", look == sorted(_group()))


def healer(context: Context) -> None:
    """Every bad request is refused, and nothing has changed when all were made."""
    host = context.box
    image = box.run(host, "docker inspect --format '{{.Config.Image}}' ntfy").strip()
    box.run(host, f"cat >{PLACE}/compose.yaml", stdin=EVIL.format(image=image))
    group = _group()
    others = sorted(set(runtime.expected()) - set(group))
    before = box.inside(host, "privilege_state")
    count = FULL_REQUESTS if context.full else REQUESTS
    with context.planted():
        found = box.inside(
            host,
            "healer_requests",
            wrapper=f"runuser -u {ACCOUNT} --",
            path=DOOR,
            seed=context.seed,
            count=count,
            group=group,
            others=others,
        )
        after = box.inside(host, "privilege_state")
    for line, answer in found["let_in"][:10]:
        context.violation(f"the healer did not refuse {line!r}: {answer!r}")
    for what in sorted(before.keys() | after.keys()):
        if before.get(what) != after.get(what):
            context.violation(f"{what} changed: {before.get(what)} -> {after.get(what)}")
    context.figure("bad_requests", found["sent"])
    context.figure("refused", found["sent"] - len(found["let_in"]))
    context.figure("compared", len(before))
    box.run(host, f"docker rm --force {PROBE}")
    changed = f"touch /etc/{PROBE}; docker create --name {PROBE} {image}"
    box.run(host, changed)
    seen = box.inside(host, "privilege_state")
    box.run(host, f"rm /etc/{PROBE}; docker rm {PROBE}")
    is_seen = f"/etc/{PROBE}" in seen and f"container {PROBE}" in seen
    context.control("a file and a container that were made", is_seen)


def _group() -> list[str]:
    """Gluetun, then its dependents."""
    wanted = runtime.expected()
    owners = [name for name, one in wanted.items() if one.owner]
    return owners + sorted(name for name, one in wanted.items() if one.zone == "vpn")


def _asked(context: Context) -> dict[str, Any]:
    """What the probe is told: whose process to try, which image is there, where things are."""
    pid = int(box.run(context.box, f"systemctl show --property MainPID --value {TARGET}"))
    image = box.run(context.box, "docker inspect --format '{{.Image}}' ntfy").strip()
    return {"pid": pid, "image": image, "secrets": SECRETS, "state": STATE}


def _in_unit(context: Context, asked: dict[str, Any]) -> dict[str, Any]:
    """What the probe finds as a unit that is the watcher's in everything but its program."""
    host = context.box
    source = (box.INSIDE / "privilege.py").read_text(encoding="utf-8")
    script = source + box.FOOTER.format(arguments=json.dumps(asked))
    unit = f"/run/systemd/system/{PROBE}.service"
    box.run(host, f"rm -f {PLACE}/found; cat >{PLACE}/probe.py", stdin=script)
    box.run(host, f"{{ systemctl cat {WATCHER} && cat; }} >{unit}", stdin=OTHER_PROGRAM)
    box.run(host, f"systemctl daemon-reload && systemctl start {PROBE}.service")
    try:
        found: dict[str, Any] = json.loads(box.run(host, f"cat {PLACE}/found").splitlines()[-1])
    except (ValueError, IndexError) as error:
        told = box.run(host, f"journalctl -u {PROBE}.service -n 5 -o cat", check=False)
        raise CheckError(f"the probe in the watcher's unit found no words: {told}") from error
    return found


def _status(context: Context) -> dict[str, str]:
    """What the kernel says of the rights of the watcher that runs."""
    shown = box.run(
        context.box,
        f"cat /proc/$(systemctl show --property MainPID --value {WATCHER})/status",
    )
    lines = dict(line.split(":", 1) for line in shown.splitlines())
    wanted = (
        "Uid",
        "Gid",
        "Groups",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
    )
    return {name: " ".join(lines.get(name, "").split()) for name in wanted}


def _connect(context: Context, user: str) -> str | None:
    """What the healer says to a user who connects, None when he cannot."""
    command = f"runuser -u {user} -- python3 -c {shlex.quote(CONNECT)}"
    if not box.succeeds(context.box, command):
        return None
    return box.run(context.box, command).strip()


def _sweep() -> str:
    return (
        f"systemctl stop {TARGET} {PROBE}.service 2>/dev/null;"
        f" systemctl reset-failed {TARGET} {PROBE}.service 2>/dev/null;"
        f" rm -rf {PLACE} /run/systemd/system/{PROBE}.service /etc/{PROBE};"
        f" docker rm --force {PROBE} >/dev/null 2>&1;"
        f" docker network rm {PROBE}_default >/dev/null 2>&1; systemctl daemon-reload"
    )


CASES = {"watcher": watcher, "door": door, "healer": healer}
BREAKS = {
    "group-docker": Break("watcher", privilege_faults.group_docker),
    "capability": Break("watcher", privilege_faults.capability),
    "as-root": Break("watcher", privilege_faults.as_root),
    "secrets-open": Break("watcher", privilege_faults.secrets_open),
    "any-service": Break("healer", privilege_faults.any_service),
    "words-to-compose": Break("healer", privilege_faults.words_to_compose),
    "door-open": Break("door", privilege_faults.door_open),
    "anybody-asks": Break("door", privilege_faults.anybody_asks),
}
