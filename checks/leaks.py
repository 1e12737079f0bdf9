"""Nothing leaves beside the tunnel: measured with packets, while Gluetun comes and goes.

Probes sit in Gluetun's namespace from before its first instruction (inside/prober.py) and send what
a dependent could send, and more: by routing and past it, over connections that began in the tunnel.
Two taps look. On the bridge is what Gluetun's own wall let pass; it is reported, since that wall
stands only once Gluetun runs. At the sink is what passed all walls, and there nothing may be. First
each kind of packet must arrive there with the walls off, and through the tunnel with the walls on:
a tap that cannot see is no proof.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter

from checks import (
    box,
    ground,
    leak_neighbours,
    leak_operations,
    leak_rules,
    leak_sink,
    leak_walls,
    runtime,
)
from checks.framework import Break, Context
from checks.leak_sink import BY_PORT, KINDS, LEAKS
from checks.leak_taps import Seen, address_of, watched
from checks.leak_walls import OWNER
from sandbox import internet
from sandbox.progress import say

NAME = "leaks"
BUDGET_SECONDS = 150.0
OPERATIONS, FULL_OPERATIONS, OPERATIONS_WITH_FAULT = 30, 1000, 12
OPERATIONS_PER_WATCH = 50
LOOK_SECONDS = 1.5
WELL_SECONDS, FULL_WELL_SECONDS = 120.0, 900.0
WATCH_SECONDS = 10.0
KINDS_IPV4 = tuple(kind for kind in KINDS if kind != "ipv6")
TUNNEL_IPV6 = f"docker exec {OWNER} ip -6 -o address show dev tun0 scope global"

settle = ground.settle


def prepare(context: Context) -> None:
    """The common ground, and proof that each kind is seen, at the sink and through the tunnel."""
    ground.prepare(context)
    with watched(context, address_of(OWNER)) as seen:
        time.sleep(LOOK_SECONDS)
    # ProtonVPN gives no IPv6 address; then there is no way for it, which is the promise.
    context.figure("tunnel_with_ipv6", box.succeeds(context.box, f"{TUNNEL_IPV6} | grep -q ."))
    for kind in KINDS if context.figures["tunnel_with_ipv6"] else KINDS_IPV4:
        context.control(f"{kind} through the tunnel", seen.sunk.inside[kind] > 0)
    with (
        leak_walls.gluetun_open(context),
        leak_walls.second_wall_gone(context),
        watched(context, address_of(OWNER)) as seen,
    ):
        time.sleep(LOOK_SECONDS)
    for kind in LEAKS:
        context.control(f"{kind} at the sink with the walls off", seen.sunk.outside[kind] > 0)
        context.control(f"{kind} on the bridge with the walls off", seen.bridge[kind] > 0)


def gluetun_wall(context: Context) -> None:
    """Gluetun's own wall, while it runs: nothing gets as far as the bridge."""
    with context.planted(), watched(context, address_of(OWNER)) as seen:
        time.sleep(LOOK_SECONDS)
    if found := sum(seen.bridge[kind] for kind in LEAKS):
        context.violation(f"{found} packets passed Gluetun's own wall: {_told(seen.bridge)}")
    _nothing_leaked(context, seen, "while Gluetun just ran")


def second_wall(context: Context) -> None:
    """With Gluetun's wall open, and a container on the bridge by mistake: the second wall holds.

    What it has to let pass does pass: the tunnel, who may leave the bridge, and answers.
    """
    with (
        context.planted(),
        leak_walls.gluetun_open(context),
        leak_neighbours.stranger(context) as stranger,
    ):
        with watched(context, address_of(OWNER), stranger) as seen:
            time.sleep(LOOK_SECONDS)
        _nothing_leaked(context, seen, "with Gluetun's wall open")
        for kind in LEAKS:
            context.control(f"{kind} on the bridge, Gluetun's wall open", seen.bridge[kind] > 0)
        context.figure("bridge_with_gluetun_open", seen.on_bridge)
        context.figure("passed_by_the_port_of_the_endpoint", seen.sunk.outside[BY_PORT])
        if not sum(seen.sunk.inside.values()):
            context.violation("the second wall lets nothing through the tunnel")
        leak_neighbours.who_may_leaves(context)
        leak_neighbours.answers_pass(context)
        leak_neighbours.neighbours_pass(context)


def names(context: Context) -> None:
    """A resolver on the host's loopback: Docker forwards no name to it on a dependent's behalf."""
    host = context.box
    try:
        with leak_walls.loopback_resolver(context):
            control, since = f"msleak{secrets.token_hex(3)}", time.time()

            def unseen() -> str:
                box.run(host, f"getent hosts {control}.leak.example", check=False)
                return "" if leak_sink.read(host, control, since).names["public"] else "no name"

            runtime.wait_until("the sink sees what the host itself asks", unseen, WATCH_SECONDS)
            context.control("a name that the host itself asks for", True)
            with context.planted():
                box.run(host, leak_operations.RECREATE)
                with watched(context, address_of(OWNER)) as seen:
                    time.sleep(2 * LOOK_SECONDS)
            context.control("questions to 127.0.0.11", seen.sent["dns docker"] > 0)
            _nothing_leaked(context, seen, "with a resolver on the host's loopback")
    finally:
        box.run(host, leak_operations.RECREATE)
        runtime.wait_until_well(host, WELL_SECONDS, [OWNER])


def operations(context: Context) -> None:
    """Seeded stops, kills, pauses, recreations of Gluetun; of Docker; of the provider."""
    count = FULL_OPERATIONS if context.full else OPERATIONS
    wanted = leak_operations.sequence(
        context.random, OPERATIONS_WITH_FAULT if context.break_name else count
    )
    bridge: Counter[str] = Counter()
    through, namespaces, sent, by_port = 0, 0, 0, 0
    with context.planted():
        for start in range(0, len(wanted), OPERATIONS_PER_WATCH):
            part = wanted[start : start + OPERATIONS_PER_WATCH]
            # The sink keeps only so many records.
            internet.control(context.box.name, "clear")
            with watched(context, address_of(OWNER)) as seen:
                for number, operation in enumerate(part, start + 1):
                    say(f"  {number}: {operation}")
                    leak_operations.perform(context.box, operation, time.sleep)
            _nothing_leaked(context, seen, f"in operations {start + 1} to {start + len(part)}")
            bridge += seen.bridge
            through += sum(seen.sunk.inside.values())
            namespaces += len(seen.entered)
            by_port += seen.sunk.outside[BY_PORT]
            sent += seen.sent.total() + seen.refused.total()
            context.control("packets through the tunnel", sum(seen.sunk.inside.values()) > 0)
            context.control("several namespaces", len(seen.entered) > 1)
    context.figure("operations", len(wanted))
    context.figure("namespaces_from_their_first_instant", namespaces)
    context.figure("probes", sent)
    context.figure("arrived_through_the_tunnel", through)
    context.figure("on_the_bridge", {kind: bridge[kind] for kind in LEAKS})
    context.figure("passed_by_the_port_of_the_endpoint_meanwhile", by_port)
    # After a thousand, the monitor tries no oftener than every two minutes.
    patience = FULL_WELL_SECONDS if context.full else WELL_SECONDS
    took = runtime.wait_until_well(context.box, patience)
    context.figure("seconds_until_well_after", took)


def _nothing_leaked(context: Context, seen: Seen, when: str) -> None:
    """The bar: nothing of ours at the sink but through the tunnel."""
    outside = seen.sunk.outside
    if seen.sunk.leaked:
        kinds = Counter({kind: outside[kind] for kind in LEAKS})
        kinds += Counter({f"name at {place}": n for place, n in seen.sunk.names.items()})
        shown = [one for one in seen.sunk.shown if one.partition(":")[0] in LEAKS]
        context.violation(
            f"{seen.sunk.leaked} packets left beside the tunnel {when}: {_told(kinds)}"
            f" (such as {'; '.join(shown[:4])})"
        )
    if outside["other"]:
        context.figure("others_at_the_sink", outside["other"])
        say(f"  {'; '.join(one for one in seen.sunk.shown if one.startswith('other'))}")


def _told(kinds: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()) if number)


CASES = {
    "gluetun-wall": gluetun_wall,
    "second-wall": second_wall,
    "names": names,
    "operations": operations,
}
BREAKS = {
    "gluetun-open": Break("gluetun-wall", leak_walls.gluetun_open),
    "wall-gone": Break("second-wall", leak_walls.second_wall_gone),
    **{name: Break("second-wall", plant) for name, plant in leak_rules.RULES.items()},
    "names-open": Break("names", leak_walls.names_open),
    "wall-gone-in-operations": Break("operations", leak_walls.second_wall_gone),
}
