"""The second wall's rules, each removed in turn, and its sets made too wide.

Some rules stand in for each other: these are removed together with what would do their work, or
where that does nothing, as by interface before Docker has made one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks import leak_sink
from checks.framework import Context
from checks.inside import prober
from checks.leak_neighbours import stranger_address
from checks.leak_taps import address_of
from checks.leak_walls import OWNER, TABLE, without


@contextlib.contextmanager
def egress_widened(context: Context) -> Iterator[None]:
    """Gluetun and a container attached by mistake are among those who may leave."""
    wider = f"{address_of(OWNER)}, {stranger_address()}"
    command = f"add element {TABLE} egress_ipv4 {{ {wider} }}"
    with without("", also=[command])(context):
        yield


# As before Docker makes its interfaces: only source addresses tell whose a packet is.
EMPTY_BRIDGES = (f"flush set {TABLE} bridges",)
WIDER_PORTS = (f"add element {TABLE} unlisted_ports {{ 53, {prober.FIRST_PORT - 1} }}",)
ANY_ADDRESS = (f"add element {TABLE} unlisted_ports {{ {leak_sink.TARGETS['port']} }}",)
ANOTHER_ADDRESS = (f"add element {TABLE} servers_ipv4 {{ {leak_sink.TARGETS['host']} }}",)
RULES = {
    "rule-bridges": without(
        "The rule by interface: packets with a source address of the tunnel leave.",
        ("forward", ("iifname",)),
    ),
    "rule-subnets-ipv4": without(
        "The rule by IPv4 source address, before Docker has made its interfaces.",
        ("forward", ("subnets_ipv4",)),
        also=EMPTY_BRIDGES,
    ),
    "rule-subnets-ipv6": without(
        "The rule by IPv6 source address, before Docker has made its interfaces.",
        ("forward", ("subnets_ipv6",)),
        also=EMPTY_BRIDGES,
    ),
    "rules-drop": without(
        "All that drops, in both families.",
        ("owner", ("drop",)),
        ("judge", ("drop",)),
    ),
    "rules-drop-ipv6": without(
        "What drops IPv6, Gluetun's and everybody's.",
        ("owner", ("owner_ipv6",)),
        ("judge", ("other_ipv6",)),
    ),
    "rules-drop-others": without(
        "What drops packets of those who may not leave: a container attached by mistake does.",
        ("judge", ("drop",)),
    ),
    "rule-owners": without(
        "The rule that knows Gluetun: its tunnel is cut.", ("judge", ("owners_ipv4",))
    ),
    "rule-endpoint": without(
        "The rule that lets the tunnel's own packets pass: it is cut.",
        ("owner", ("servers_ipv4", "endpoint_ports")),
    ),
    "rule-egress": without(
        "The rule for those who may leave the bridge: they cannot.", ("judge", ("egress_ipv4",))
    ),
    "rules-neighbours": without(
        "The rules for packets among ourselves: containers no longer reach each other.",
        ("judge", ("oifname",)),
        ("judge", ("daddr", "subnets_ipv4")),
    ),
    "rule-replies": without(
        "The rule for answers: published ports go silent.", ("judge", ("reply",))
    ),
    "egress-widened": egress_widened,
    "endpoint-widened": without(
        "More ports than the endpoint's are let through from Gluetun.", also=WIDER_PORTS
    ),
    "endpoint-any-address": without(
        "The endpoint's port is let through to any address.", also=ANY_ADDRESS
    ),
    "endpoint-another-address": without(
        "An address that is none of the provider's servers counts as one.", also=ANOTHER_ADDRESS
    ),
}
