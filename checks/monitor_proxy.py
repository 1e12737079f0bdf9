"""The stream of events is cut: the healer reaches Docker by a way that loses it (docker_proxy).

What the monitor hears of then is that it hears nothing. The end of Gluetun's process it sees all
the same; that Gluetun is healthy again nothing tells it, so that is what the two seconds are for.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from checks import box, monitor_seen, runtime
from checks.box import Host
from checks.framework import CheckError, Context
from checks.monitor_schedules import HEALER
from checks.monitor_seen import OWNER, Record

PROXY = "check-docker.service"
SOCKET, FLAG = "/run/check-docker.sock", "/run/check-docker.cut"
DROP_IN = f"/run/systemd/system/{HEALER}.d/check.conf"
LISTENING_SECONDS = 15.0
CUT_SECONDS = 2.0
CALM_SECONDS = 4.0
HITS = ("restart", "restart")


def play(
    context: Context, watched: Callable[[Context], AbstractContextManager[Record]], seconds: float
) -> None:
    """Cut it, restart Gluetun, and see how long it takes until something is decided."""
    host = context.box
    holds: list[float] = []
    revives: list[float] = []
    with through_proxy(host), context.planted():
        for _ in HITS[: 1 if context.break_name else None]:
            box.run(host, f"touch {FLAG}")
            try:
                # Whoever was listening has noticed, and looks often; then all is calm.
                time.sleep(CALM_SECONDS)
                since = float(box.run(host, "date +%s.%N"))
                with watched(context) as record:
                    box.run(host, f"docker restart --time 2 {OWNER} >/dev/null")
                    try:
                        runtime.wait_until_well(host, context.patience(seconds))
                    except CheckError as error:
                        context.violation(f"with the events cut: {error}")
                        return
            finally:
                box.run(host, f"rm -f {FLAG}")
            decided = monitor_seen.decisions(host, since)
            holds += after(decided, "hold", record.times(OWNER, "die", since=since))
            healthy = record.times(OWNER, "health_status: healthy", since=since)
            revives += after(decided, "revive", healthy)
    if not holds or not revives:
        raise CheckError("with the events cut nothing was decided, and yet all is well")
    context.figure("cut_seconds_until_held", max(holds))
    context.figure("cut_seconds_until_revived", max(revives))
    for what, found in (("hold", holds), ("bring back", revives)):
        if max(found) >= CUT_SECONDS:
            context.violation(
                f"with the events cut it took {max(found):.1f} s to decide to {what} the dependents"
            )


def after(decided: list[dict[str, Any]], verb: str, causes: list[float]) -> list[float]:
    """The seconds from the cause to the first such decision after it."""
    moments = [one["at"] for one in decided if one["why"] == verb]
    later = [moment - causes[0] for moment in moments if causes and moment >= causes[0] - 0.05]
    return [max(0.0, min(later))] if later else []


@contextlib.contextmanager
def through_proxy(host: Host) -> Iterator[None]:
    """The healer talks to Docker through the proxy."""
    source = (box.INSIDE / "docker_proxy.py").read_text(encoding="utf-8")
    packed = base64.b64encode(source.encode()).decode()
    program = f"import base64;exec(base64.b64decode('{packed}'))"
    box.run(host, f'systemd-run --quiet --collect --unit {PROXY} python3 -c "{program}"')
    try:
        runtime.wait_until(
            "the proxy listens",
            lambda: "" if box.succeeds(host, f"test -S {SOCKET}") else "its socket",
            LISTENING_SECONDS,
        )
        drop_in(host, DROP_IN, f"[Service]\nEnvironment=DOCKER_HOST=unix://{SOCKET}\n", HEALER)
        time.sleep(CALM_SECONDS)
        yield
    finally:
        box.run(host, f"rm -f {DROP_IN} {FLAG}; systemctl daemon-reload")
        box.run(host, f"systemctl restart {HEALER}; systemctl stop {PROXY}", check=False)


def drop_in(host: Host, path: str, text: str, unit: str) -> None:
    """Change a unit until the next boot at most, and restart it."""
    directory = path.rpartition("/")[0]
    box.run(host, f"mkdir -p {directory} && cat >{path} && systemctl daemon-reload", stdin=text)
    box.run(host, f"systemctl restart {unit}")
