"""Faults of the second wall: taken down, a rule gone, a set emptied, its unit's doing undone.

Its unit would mend each within a second, so it is frozen while the fault stands (and thawed, which
is how the fault is undone). What a stopped unit looks like is among the faults of units.
"""

from __future__ import annotations

from collections.abc import Iterator

import wall_configuration
from checks.faults import Failure, Fault
from checks.faults.containers import is_needed, remade
from mediastack import wall_endpoints, wall_rules, wall_state
from mediastack.wall_rules import FAMILY, TABLE
from tests.smoke.expected import Expected

UNIT = "mediastack-wall.service"
SEEN: tuple[Failure, ...] = (("wall.second_wall", ""),)
FREEZE = f"systemctl kill --signal STOP {UNIT}; nft"
# Until it is as it was: a reading meanwhile would find the fault of before.
CHECK = "/opt/mediastack/bin/mediastack wall-check >/dev/null"
WAIT = f"for i in $(seq 100); do {CHECK} && break; sleep 0.1; done"
THAW = f"systemctl kill --signal CONT {UNIT}; {WAIT}"


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    seen = wall_state.nothing()
    wanted = wall_rules.wanted(wall_state.wall(expected.config, seen, known(expected)))
    yield planted("wall taken down", TABLE, f"delete table {FAMILY} {TABLE}")
    yield planted("rule too many in the wall", TABLE, f"insert rule {FAMILY} {TABLE} judge accept")
    for chain in ("forward", "judge", "owner"):
        rules = [one["rule"] for one in wanted if one.get("rule", {}).get("chain") == chain]
        for number in range(len(rules)):
            yield planted("rule of the wall gone", f"{chain} {number}", rule_gone(chain, number))
        flush = f"flush chain {FAMILY} {TABLE} {chain}"
        yield planted("chain of the wall emptied", chain, flush)
    for one in wanted:
        if one.get("set", {}).get("elem") or one.get("set", {}).get("name") == "bridges":
            name = one["set"]["name"]
            yield planted("set of the wall emptied", name, f"flush set {FAMILY} {TABLE} {name}")
    yield from of_names(expected)


def known(expected: Expected) -> wall_endpoints.Known:
    """Servers of the provider; whatever their addresses are, there are some."""
    return {
        provider: {"current": ["192.0.2.1"], "older": [], "replaced_at": 0.0}
        for provider in wall_state.providers(expected.config, wall_state.nothing())
    }


def planted(kind: str, subject: str, command: str) -> Fault:
    """A change by nft, with the unit frozen."""
    also = (("host.unit", UNIT),)
    return Fault(kind, subject, f"{FREEZE} {command}", THAW, SEEN, also)


def rule_gone(chain: str, number: int) -> str:
    """What makes nft delete the rule with this place in its chain: by its handle."""
    listed = f"nft -a list chain {FAMILY} {TABLE} {chain}"
    # Rules are what is indented twice and has a handle.
    pick = f"grep -P '^\\t\\t.*# handle' | sed -n '{number + 1}s/.*# handle //p'"
    handle = f"$({listed} | {pick})"
    return f"delete rule {FAMILY} {TABLE} {chain} handle {handle}"


def of_names(expected: Expected) -> Iterator[Fault]:
    """Made by hand to have Docker ask somebody on the internet for names."""
    for name, service in expected.services.items():
        if wall_configuration.name_servers(service) and not is_needed(service):
            change = {"dns": ["192.0.2.53"]}
            yield Fault("asks names elsewhere", name, *remade(service, change),
                        (("wall.names", name),), (("service", name),))  # fmt: skip
