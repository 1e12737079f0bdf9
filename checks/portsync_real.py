"""Twenty sequences of faults on the box: a real tunnel, the real qBittorrent, its ban counter.

"Both are up" and "they agree" are seen from the box by inside/ports.py, which trusts nothing of
ours: agreed is a socket of qBittorrent's on the forwarded port of the tunnel's present device.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from checks import box, ground
from checks.framework import CheckError, Context
from sandbox import internet

SEQUENCES = 20
FULL_SEQUENCES = 100
PROMISED_SECONDS = 5.0
# Gluetun renews every 45 s, and a tunnel takes its time.
PATIENCE_SECONDS = 100.0
UNIT = "mediastack-portsync.service"
PORTS = range(20000, 60000)
CLIENT = "qbittorrent"
READ_VPN = (
    "import json,sys;sys.path.insert(0,'/opt/mediastack/lib');"
    "from mediastack import config;print(json.dumps(config.load()['vpn']))"
)


def play(context: Context) -> list[float]:
    """Play the sequences; return the seconds until both agreed, of each."""
    ground.prepare(context)
    vpn = json.loads(
        box.run(context.box, f"/opt/mediastack/venv/bin/python -c {shlex.quote(READ_VPN)}")
    )
    before = agreement(context, vpn)
    context.control("a port that is forwarded and listened on", before["seconds"] is not None)
    times: list[float] = []
    with context.planted():
        for number in range(FULL_SEQUENCES if context.full else SEQUENCES):
            fault = context.random.choice(FAULTS)
            other_than = fault(context, vpn, before["port"])
            found = agreement(context, vpn, other_than)
            what = f"{number} ({(fault.__doc__ or '').strip()})"
            if found["seconds"] is None:
                if not found["up"] and not context.break_name:
                    raise CheckError(f"after {what} they were not up in {PATIENCE_SECONDS:.0f} s")
                context.violation(f"after {what} qBittorrent never listened on the port")
                break
            before = found
            times.append(found["seconds"])
            if found["seconds"] > PROMISED_SECONDS:
                context.violation(f"after {what} it took {found['seconds']:.1f} s")
    context.figure("real_sequences", len(times))
    judge_bans(context, vpn)
    return times


def agreement(context: Context, vpn: dict[str, Any], other_than: int = 0) -> dict[str, Any]:
    """What inside/ports.py sees."""
    seconds = context.patience(PATIENCE_SECONDS)
    found: dict[str, Any] = box.inside(
        context.box, "ports", vpn=vpn, seconds=seconds, other_than=other_than
    )
    return found


def judge_bans(context: Context, vpn: dict[str, Any]) -> None:
    """qBittorrent has banned nobody: its log says so, and the right password is let in."""
    log = box.run(
        context.box,
        "find /srv/mediastack/config/qbittorrent -name 'qbittorrent*.log' -exec cat {} +; "
        f"docker logs {CLIENT} 2>&1",
    )
    bans = sum("banned" in line for line in log.splitlines())
    said = box.inside(context.box, "vpn_calls", vpn=vpn, what="login")
    context.figure("real_bans", bans)
    if bans or said not in (200, 204):
        context.violation(f"qBittorrent has banned somebody ({bans} times; a login says {said})")


def status(context: Context, vpn: dict[str, Any], wanted: str) -> None:
    """Ask Gluetun to stop or run its tunnel."""
    box.inside(context.box, "vpn_calls", vpn=vpn, what=wanted)


def tunnel_restart(context: Context, vpn: dict[str, Any], port: int) -> int:
    """the tunnel is stopped and started"""
    status(context, vpn, "stopped")
    status(context, vpn, "running")
    return 0


def tunnel_restart_with_a_new_port(context: Context, vpn: dict[str, Any], port: int) -> int:
    """the tunnel comes back with another port"""
    internet.control(context.box.name, "port", str(context.random.choice(PORTS)))
    tunnel_restart(context, vpn, port)
    return port


def new_port(context: Context, vpn: dict[str, Any], port: int) -> int:
    """a renewal brings another port"""
    internet.control(context.box.name, "port", str(context.random.choice(PORTS)))
    return port


def client_restart(context: Context, vpn: dict[str, Any], port: int) -> int:
    """qBittorrent is restarted"""
    box.run(context.box, f"docker restart {CLIENT} >/dev/null")
    return 0


def client_killed_and_reset(context: Context, vpn: dict[str, Any], port: int) -> int:
    """qBittorrent starts with another port in its settings"""
    conf = f"/srv/mediastack/config/{CLIENT}/qBittorrent/qBittorrent.conf"
    box.run(
        context.box,
        f"docker kill {CLIENT} >/dev/null;"
        f" sed -i 's/^Session.Port=.*/Session\\\\Port=6881/' {conf};"
        f" docker start {CLIENT} >/dev/null",
    )
    return 0


def late_start(context: Context, vpn: dict[str, Any], port: int) -> int:
    """qBittorrent starts long after the tunnel"""
    box.run(
        context.box,
        f"docker stop {CLIENT} >/dev/null; sleep 8; docker start {CLIENT} >/dev/null",
    )
    return 0


def api_hangs(context: Context, vpn: dict[str, Any], port: int) -> int:
    """the tunnel restarts while qBittorrent's API hangs"""
    box.run(context.box, "pkill -STOP -x qbittorrent-nox")
    tunnel_restart(context, vpn, port)
    box.run(context.box, "sleep 3; pkill -CONT -x qbittorrent-nox")
    return 0


def wrong_key(context: Context, vpn: dict[str, Any], port: int) -> int:
    """the tunnel restarts while Gluetun refuses our key (401)"""
    file = vpn["control_key_file"]
    box.run(context.box, f"cp -a {file} /run/key.kept && printf x >{file}")
    try:
        box.run(context.box, f"docker restart {CLIENT} >/dev/null; sleep 2")
    finally:
        box.run(context.box, f"cat /run/key.kept >{file}; rm /run/key.kept")
    return 0


def portsync_killed(context: Context, vpn: dict[str, Any], port: int) -> int:
    """portsync is killed while the tunnel restarts"""
    status(context, vpn, "stopped")
    box.run(context.box, f"systemctl kill --signal KILL {UNIT}")
    status(context, vpn, "running")
    return 0


Fault = Callable[[Context, dict[str, Any], int], int]
FAULTS: tuple[Fault, ...] = (
    *(tunnel_restart, tunnel_restart_with_a_new_port, new_port, client_restart),
    *(client_killed_and_reset, late_start, api_hangs, wrong_key, portsync_killed),
)


@contextlib.contextmanager
def stopped(context: Context) -> Iterator[None]:
    """portsync does not run on the box."""
    box.run(context.box, f"systemctl stop {UNIT}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl start {UNIT}")
