"""The packet filters of a host on which everything is as the deploy leaves it.

The second wall is in the words of the rules' own module: what they do to packets is tried in
test_wall_packets.
"""

from __future__ import annotations

from typing import Any

from mediastack import wall_rules, wall_state
from tests.smoke.expected import Expected


def second_wall(expected: Expected) -> dict[str, Any]:
    """What nft lists: the table, with handles, each counter with what it counted."""
    seen = wall_state.nothing() | {"bridges": [f"br-{'0' * 12}"]}
    objects = wall_rules.wanted(wall_state.wall(expected.config, seen, servers(expected)))
    listed = []
    for handle, one in enumerate(objects):
        ((kind, content),) = one.items()
        listed.append({kind: {**content, "handle": handle}})
    table = {"table": {"family": "inet", "name": "mediastack_wall", "handle": 1}}
    return {"nftables": [{"metainfo": {"version": "1.1.3"}}, table, *listed]}


def servers(expected: Expected) -> dict[str, Any]:
    """What the wall's keeper knows of the provider's servers."""
    (provider,) = wall_state.providers(expected.config, wall_state.nothing())
    return {provider: {"current": ["198.51.100.10"], "older": [], "replaced_at": 0.0}}


def packet_filter(expected: Expected) -> str:
    """What iptables-save prints of Docker's rules, in short."""
    ports = [
        f"-A DOCKER -d 192.0.2.1/32 -p tcp -m tcp --dport {port.split(':')[1]} -j DNAT --to x"
        for name in expected.services
        for port in expected.ports(name)
    ]
    subnet = expected.config["network"]["subnet"]
    return "\n".join(
        [
            "-A FORWARD -j DOCKER-USER",
            f"-A POSTROUTING -s {subnet} ! -o br-1 -j MASQUERADE",
            "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
            *ports,
        ]
    )
