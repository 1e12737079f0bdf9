"""Faults of the machine: packages, account, units, Docker's settings, the media disk, the lock."""

from __future__ import annotations

from collections.abc import Iterator

import door_configuration
from checks import runtime
from checks.faults import Fault, edited, moved
from checks.faults.files import DAEMON, PATH, RELOAD
from host_configuration import HELPER_UNITS
from tests.smoke.expected import Expected

# Held, or the one that stops every container when it is stopped.
UNITS_LEFT_ALONE = (
    *(*runtime.MENDERS.split(), runtime.DOOR),
    # One stops with the other, and both with them is the door's own check: of_door.
    *(door_configuration.SOCKET, door_configuration.SERVICE),
    *("mediastack-shutdown.service", "docker.service"),
)
RUNTIME = "/run/mediastack"
NEVER = "printf '[Timer]\\nOnCalendar=\\nOnCalendar=2001-01-01\\n'"


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    for name, kind in expected.units.items():
        if name not in UNITS_LEFT_ALONE:
            yield from of_unit(name, kind)
    for name in HELPER_UNITS:
        path = f"/etc/systemd/system/{name}"
        yield Fault("helper masked", name, *masked(name), (("host.helpers", ""),),
                    ((PATH, path), RELOAD))  # fmt: skip
    yield Fault(
        "package removed", "python3-venv", "dpkg --remove --force-depends python3-venv >/dev/null",
        "apt-get -qq install -y python3-venv >/dev/null", (("host.package", "python3-venv"),),
    )  # fmt: skip
    uid = expected.settings.host.puid
    gone = f"sed -i '/^[^:]*:[^:]*:{uid}:/d' /etc/passwd"
    yield Fault("account gone", str(uid), *edited("/etc/passwd", gone), (("host.account", ""),))
    yield from of_monitor(expected)
    yield from of_door(expected)
    yield from of_disk_guard(expected)
    off = f"""sed -i 's/"live-restore": true/"live-restore": false/' {DAEMON}"""
    plant, undo = edited(DAEMON, f"{off}; systemctl reload docker")
    yield Fault("Docker's settings", DAEMON, plant, f"{undo}; systemctl reload docker",
                (("host.docker_configuration", ""),), ((PATH, DAEMON),))  # fmt: skip
    yield from of_data(expected)
    lock = f"{expected.config['paths']['runtime']}/stack.lock"
    held = f"setsid flock {lock} sleep 300 </dev/null >/dev/null 2>&1 & echo $! >/run/smoke-lock"
    yield Fault("lock held", lock, f"{held}; sleep 0.3",
                "kill -- -$(cat /run/smoke-lock) || kill $(cat /run/smoke-lock)",
                (("traffic.lock", ""),))  # fmt: skip


def masked(name: str) -> tuple[str, str]:
    """Shell to mask a unit and to bring it back as it was."""
    path = f"/etc/systemd/system/{name}"
    plant, undo = moved(path)
    return (
        f"{plant}; ln -s /dev/null {path}; systemctl daemon-reload",
        f"rm {path}; {undo}; systemctl daemon-reload",
    )


def of_unit(name: str, kind: str) -> Iterator[Fault]:
    """Stopped, switched off, masked, changed behind systemd's back, never to fire."""
    seen, path = (("host.unit", name),), f"/etc/systemd/system/{name}"
    extra = f"/etc/systemd/system/{name}.d"
    start = f"systemctl start {name}"
    yield Fault("unit stopped", name, f"systemctl stop {name}", start, seen)
    yield Fault(
        "unit disabled", name, f"systemctl disable --quiet {name}",
        f"systemctl enable --quiet {name}", seen, (RELOAD,),
    )  # fmt: skip
    plant, undo = masked(name)
    yield Fault(
        f"{kind} masked", name, f"systemctl stop {name}; {plant}", f"{undo}; {start}",
        seen, ((PATH, path), RELOAD),
    )  # fmt: skip
    reload = f"rm -r {extra}; systemctl daemon-reload"
    yield Fault(
        "unit not reloaded", name, f"mkdir {extra}; printf '[Unit]\\n' >{extra}/by-hand.conf",
        reload, seen, (RELOAD,),
    )  # fmt: skip
    if kind == "timer":
        plant = f"mkdir {extra}; {NEVER} >{extra}/by-hand.conf; systemctl daemon-reload"
        restart = f"systemctl restart {name}"
        yield Fault(
            "timer never fires", name, f"{plant}; {restart}", f"{reload}; {restart}",
            seen, (RELOAD,),
        )  # fmt: skip


def of_monitor(expected: Expected) -> Iterator[Fault]:
    """The monitor's account can do more than it should, or others can do what it can."""
    table, seen = expected.config["monitor"], (("host.monitor", ""),)
    door, directory, name = table["socket"], table["directory"], table["account"]
    yield Fault("door open", door, f"chmod 0666 {door}", f"chmod 0600 {door}", seen)
    yield Fault("state open", directory, f"chmod 0755 {directory}", f"chmod 0750 {directory}", seen)
    shell = f"sed -i '/^{name}:/s,[^:]*$,/bin/bash,' /etc/passwd"
    yield Fault("account can log in", name, *edited("/etc/passwd", shell), seen,
                (("host.account", ""),))  # fmt: skip
    group = f"sed -i '/^docker:/s/$/{name}/' /etc/group"
    yield Fault("account in Docker's group", name, *edited("/etc/group", group), seen)


def of_door(expected: Expected) -> Iterator[Fault]:
    """Deliveries are others' to read; somebody else listens beside the door."""
    table, seen = expected.config["updates"], (("host.door", ""),)
    inbox, port = table["inbox"], table["port"]
    yield Fault("inbox open", inbox, f"chmod 0755 {inbox}", f"chmod 0700 {inbox}", seen)
    listen = f"exec python3 -m http.server --bind 127.0.0.9 {port}"
    yield Fault(
        "another door", str(port),
        f"setsid sh -c '{listen}' </dev/null >/dev/null 2>&1 & echo $! >/run/smoke-door; sleep 1",
        "kill $(cat /run/smoke-door)", seen,
    )  # fmt: skip


def of_disk_guard(expected: Expected) -> Iterator[Fault]:
    """The disk guard hangs: its unit is active, and nobody looks."""
    unit, report = "mediastack-disk-guard.service", f"{RUNTIME}/disk_guard.json"
    freeze, back = f"systemctl kill --signal STOP {unit}", f"systemctl kill --signal CONT {unit}"
    undo, seen = f"{back}; systemctl restart {unit}; sleep 2", (("host.disk_guard", ""),)
    yield Fault("disk guard hangs", report, f"{freeze}; rm {report}", undo, seen)


def of_data(expected: Expected) -> Iterator[Fault]:
    """The media disk: its mark gone, another file system in the way."""
    data, sentinel = expected.settings.storage.data, expected.config["paths"]["sentinel"]
    yield Fault("sentinel gone", sentinel, *moved(sentinel), (("host.data", ""),), alone=True)
    for half in ("torrents", "media"):
        place = f"{data}/{half}/by-hand"
        yield Fault(
            "second file system", place, f"mkdir {place}; mount -t tmpfs none {place}",
            f"umount {place}; rmdir {place}", (("host.data", ""),),
        )  # fmt: skip
        yield Fault(
            "half on another disk", f"{data}/{half}",
            f"mount -t tmpfs none {data}/{half}; chmod 0777 {data}/{half}",
            f"umount {data}/{half}", (("host.hardlinks", ""),), alone=True,
        )  # fmt: skip
