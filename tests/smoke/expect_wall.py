"""The second wall: the table in the kernel is the one that settings and Docker's networks ask for,
and no container has Docker ask names past it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import wall_configuration
from mediastack import wall_compare, wall_rules, wall_state
from tests.smoke.expect_containers import find, ours
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
UNIT = "mediastack-wall.service"


def second_wall(expected: Expected, observed: Observed) -> Iterator[str]:
    """Every chain, rule and address of it is there, hooked into what the host forwards."""
    fix = f"fix: systemctl restart {UNIT}"
    if not observed["wall"]:
        yield f"there is no table {wall_rules.FAMILY} {wall_rules.TABLE}; {fix}"
        return
    containers = [one for several in ours(observed).values() for one in several]
    seen = wall_state.seen(expected.config, observed["networks"], containers)
    known = observed["servers"] or {}
    for provider in sorted(wall_state.providers(expected.config, seen)):
        if not known.get(provider, {}).get("current"):
            yield (
                f"the second wall has no list of {provider}'s servers, so their port is open to any"
                " address; fix: stack-manage.sh downloads restart gluetun writes one"
            )
    wanted = wall_rules.wanted(wall_state.wall(expected.config, seen, known))
    for one in wall_compare.differences(wanted, observed["wall"]):
        yield f"the second wall: {one}; {fix}"


def names(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Who must not reach the internet does not have Docker ask there for names either."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    wanted = wall_configuration.name_servers(expected.services[service])
    have = container["HostConfig"].get("Dns") or []
    if wanted and sorted(have) != sorted(wanted):
        yield f"{service} asks names of {', '.join(have) or 'whom the host asks'}; {DEPLOY}"
