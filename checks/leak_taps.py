"""Probes in the box, and the taps that look for them: on the bridge, and at the sink beyond it.

A watch is a run of probes with a canary of its own, so whatever an earlier one left on its way
counts for nobody. What the bridge tap sees has passed Gluetun's wall, what the sink sees has passed
all walls; both are read when the watch is over.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import host_settings
from checks import box, leak_sink, runtime
from checks.box import Host
from checks.framework import CheckError, Context
from checks.leak_sink import KINDS, Sunk
from settings import address, enabled

# Every kind once per pause.
PAUSE_SECONDS = 0.004
READY_SECONDS = 15.0
# What is on its way when the probes end still arrives.
LINGER_SECONDS = 0.3
NETWORK = "homelab_media_network"
BRIDGE = f"docker network inspect --format '{{{{slice .Id 0 12}}}}' {NETWORK}"


@dataclass
class Seen:
    """What a watch saw; complete when it is over."""

    canary: str
    bridge: Counter[str] = field(default_factory=Counter)
    bridge_shown: list[str] = field(default_factory=list)
    sunk: Sunk = field(default_factory=Sunk)
    entered: list[dict[str, Any]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def on_bridge(self) -> int:
        """How many of our packets crossed the bridge outside the tunnel."""
        return sum(self.bridge[kind] for kind in KINDS)


def address_of(service: str) -> str:
    """The address of a service on the bridge."""
    settings = host_settings.load(*runtime.SANDBOX_SETTINGS)
    return address(settings, enabled(settings)[service])


def program(name: str, **values: Any) -> str:
    """The command line that runs inside/<name>.py in the box until it is told to end."""
    source = (box.INSIDE / f"{name}.py").read_text(encoding="utf-8")
    source += f"\nmain(**json.loads({json.dumps(values)!r}))\n"
    packed = base64.b64encode(source.encode()).decode()
    return f'python3 -c "import base64;exec(base64.b64decode({packed!r}))"'


@contextlib.contextmanager
def watched(context: Context, *addresses: str) -> Iterator[Seen]:
    """Probe from the namespaces with these addresses, and look, as long as the context lasts."""
    host: Host = context.box
    network = host_settings.load(*runtime.SANDBOX_SETTINGS).network
    seen = Seen(f"msleak{secrets.token_hex(3)}")
    since = time.time()
    with tempfile.TemporaryDirectory(prefix="leaks-") as directory:
        taps, probes = Path(directory) / "tap", Path(directory) / "probes"
        bridge = "br-" + box.run(host, BRIDGE).strip()
        tap = program(
            "tap",
            interface=bridge,
            canary=seen.canary,
            networks=leak_sink.NETWORKS,
            own=[one for one in (network.subnet, network.ipv6_subnet) if one],
            tunnel=[leak_sink.ENDPOINT],
        )
        probe = program(
            "prober",
            addresses=addresses,
            canary=seen.canary,
            targets=leak_sink.TARGETS,
            pause=PAUSE_SECONDS,
        )
        with box.recorded(host, tap, taps):
            _wait(taps, "listening")
            with box.recorded(host, probe, probes):
                _wait(probes, "entered")
                yield seen
            time.sleep(LINGER_SECONDS)
        _read_bridge(seen, taps)
        _read_probes(seen, probes)
    seen.sunk = leak_sink.read(host, seen.canary, since)


def _wait(log: Path, event: str) -> None:
    def missing() -> str:
        text = log.read_text(encoding="utf-8", errors="replace")
        return "" if f'"{event}"' in text else text.strip()[-300:] or "nothing yet"

    runtime.wait_until(f"{event} in the log of the {log.name}", missing, READY_SECONDS)


def _lines(log: Path) -> list[dict[str, Any]]:
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise CheckError(f"the log of the {log.name} says: {line[-300:]}") from error
    return found


def _read_bridge(seen: Seen, log: Path) -> None:
    counted = next((one for one in _lines(log) if one["event"] == "counted"), None)
    if counted is None or counted["dropped"]:
        raise CheckError(f"the tap on the bridge did not see all: {counted}")
    seen.bridge = Counter(counted["kinds"])
    seen.bridge_shown = counted["shown"]


def _read_probes(seen: Seen, log: Path) -> None:
    lines = _lines(log)
    seen.entered = [one for one in lines if one["event"] == "entered"]
    for one in lines:
        if one["event"] == "left":
            seen.sent += Counter(one["sent"])
            seen.refused += Counter(one["refused"])
