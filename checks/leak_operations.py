"""What happens to Gluetun while somebody probes: seeded, and every kind within each short while.

An operation is a hit and the way back from it, with pauses that the seed chooses, so that a next
one meets a tunnel that is up, half up, or not there. The pauses count from the hit: how fast Docker
is moves them, which no seed can help.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from checks import box, leak_taps
from checks.box import Host
from sandbox import internet

OWNER = "gluetun"
STACK = "/opt/mediastack/stacks/downloads"
COMPOSE = (
    f"docker compose --project-name mediastack-downloads --project-directory {STACK}"
    f" -f {STACK}/compose.yaml $(test ! -e {STACK}/images.yaml || echo -f {STACK}/images.yaml)"
)
# Whoever recreates holds the lock, so that nobody else acts meanwhile.
LOCK = "flock --timeout 60 /run/mediastack/stack.lock"
RECREATE = f"{LOCK} {COMPOSE} up -d --no-deps --force-recreate --pull never {OWNER}"
SHORT_SECONDS, LONG_SECONDS = 0.05, 1.2


@dataclass(frozen=True)
class Operation:
    """One hit; `held` is how long until it is taken back, `rest` the pause after it."""

    kind: str
    held: float
    rest: float

    def __str__(self) -> str:
        return f"{self.kind}, held {self.held:.2f} s, rest {self.rest:.2f} s"


def sequence(choices: random.Random, count: int) -> list[Operation]:
    """`count` operations: every kind once before any comes again, in an order of the seed's."""
    found: list[Operation] = []
    while len(found) < count:
        for kind in choices.sample(sorted(KINDS), len(KINDS)):
            pauses = (choices.uniform(SHORT_SECONDS, LONG_SECONDS) for _ in range(2))
            found.append(Operation(kind, *pauses))
    return found[:count]


def perform(host: Host, operation: Operation, sleep: Callable[[float], None]) -> None:
    """Hit, wait, take it back, wait."""
    hit, back = KINDS[operation.kind]
    hit(host)
    sleep(operation.held)
    if back is not None:
        back(host)
    sleep(operation.rest)


def _command(text: str) -> Callable[[Host], None]:
    """A shell command in the box; that a hit fails, because an earlier one still works, is fine."""

    def run(host: Host) -> None:
        box.run(host, text, check=False)

    return run


def _start(host: Host) -> None:
    """Start it, unless somebody was faster; it must be there in the end."""
    box.run(host, f"docker start {OWNER} || {{ sleep 1; docker start {OWNER}; }}")


def _vpn(status: str) -> Callable[[Host], None]:
    def put(host: Host) -> None:
        box.inside(host, "vpn_status", address=leak_taps.address_of(OWNER), status=status)

    return put


def _provider(word: str) -> Callable[[Host], None]:
    def switch(host: Host) -> None:
        internet.control(host.name, "tunnel", word)

    return switch


Act = Callable[[Host], None]
KINDS: dict[str, tuple[Act, Act | None]] = {
    "stop": (_command(f"docker stop --time 2 {OWNER}"), _start),
    "kill": (_command(f"docker kill --signal KILL {OWNER}"), _start),
    "kill-process": (
        _command(f"kill -KILL $(docker inspect --format '{{{{.State.Pid}}}}' {OWNER})"),
        _start,
    ),
    "pause": (_command(f"docker pause {OWNER}"), _command(f"docker unpause {OWNER}")),
    "restart": (_command(f"docker restart --time 2 {OWNER}"), None),
    "recreate": (_command(RECREATE), None),
    "vpn": (_vpn("stopped"), _vpn("running")),
    "provider": (_provider("off"), _provider("on")),
    "dockerd": (_command("systemctl reset-failed docker; systemctl restart docker"), None),
}
