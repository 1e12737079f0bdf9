"""checks.leak_*: what counts at the sink, what is done to Gluetun, which rules are removed."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from checks import leak_operations, leak_sink, leak_walls, leaks
from checks.framework import CheckError, Context
from checks.leak_sink import Sunk, kind_of, tally
from checks.leak_taps import Seen, program

CANARY = "msleak1a2b3c"
EXIT, BOX = "203.0.113.7", "10.89.0.16"


def packet(protocol: str, target: str, port: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "time": 1.0,
        "source": BOX,
        "destination": target,
        "protocol": protocol,
        "destination_port": port,
        "wireguard": False,
        **more,
    }


NAME = f"{CANARY}-dns-abc-1.leak.example"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (packet("tcp", "203.0.113.80", 40001), "tcp"),
        (packet("tcp", "203.0.113.80", 443), "tcp"),
        (packet("udp", "203.0.113.80", 39999), "udp"),
        (packet("icmp", "203.0.113.80", type=8), "icmp"),
        (packet("udp", "203.0.113.53", 53, name=NAME), "dns"),
        (packet("tcp", "198.51.100.99", 53, name=NAME), "dns"),
        (packet("udp", "2001:db8:f::53", 53, name=NAME), "ipv6"),
        (packet("icmpv6", "2001:db8:f::80", type=128), "ipv6"),
        (packet("tcp", "2001:db8:f::80", 40001), "ipv6"),
        (packet("udp", "203.0.113.80", 51820), leak_sink.BY_PORT),
        # The box's own affairs.
        (packet("udp", "203.0.113.53", 53, name="debian.pool.ntp.org"), "other"),
        (packet("tcp", "203.0.113.80", 80), "other"),
        (packet("icmp", "203.0.113.1", type=8), "other"),
        ({"time": 1.0, "protocol": "broken", "wireguard": False}, "other"),
    ],
)
def test_what_arrives_is_known_by_its_kind(found: dict[str, Any], kind: str) -> None:
    assert kind_of(found, CANARY) == kind
    assert leak_sink.told(found)


def test_the_tunnels_packets_count_nowhere_and_those_behind_it_by_their_exit() -> None:
    packets = [
        packet("udp", "198.51.100.10", 51820, wireguard=True),
        packet("udp", "203.0.113.80", 39999),
        packet("tcp", "203.0.113.80", 80),
    ]
    arrivals = [
        packet("icmp", "203.0.113.80", source=EXIT),
        packet("udp", "203.0.113.80", 39999),
        {"time": 2.0, "protocol": "broken", "wireguard": False},
    ]
    sunk = tally(packets, arrivals, CANARY)
    assert sunk.outside == Counter({"udp": 1, "other": 1})
    assert sunk.inside == Counter({"icmp": 1})
    assert sunk.leaked == 1


def test_a_name_that_somebody_else_was_asked_for_is_a_leak_too() -> None:
    assert Sunk(names=Counter({"resolver": 2, "public": 1})).leaked == 3


@pytest.mark.parametrize("seed", range(10))
def test_every_kind_of_operation_comes_once_before_any_comes_again(seed: int) -> None:
    kinds = sorted(leak_operations.KINDS)
    choices = random.Random(seed)
    found = leak_operations.sequence(choices, 3 * len(kinds) + 2)
    for start in range(0, 3 * len(kinds), len(kinds)):
        assert sorted(one.kind for one in found[start : start + len(kinds)]) == kinds
    assert len(found) == 3 * len(kinds) + 2
    assert found == leak_operations.sequence(random.Random(seed), len(found))
    longest = leak_operations.LONG_SECONDS
    assert all(0 < one.held <= longest and 0 < one.rest <= longest for one in found)


def test_the_default_run_is_as_long_as_was_promised() -> None:
    assert leaks.OPERATIONS >= 30
    assert leaks.FULL_OPERATIONS >= 1000


def dropping(chain: str, handle: int, counter: str) -> dict[str, Any]:
    expressions: list[Any] = [{"counter": counter}, {"drop": None}]
    return {"rule": {"chain": chain, "handle": handle, "expr": expressions}}


LISTED: dict[str, Any] = {
    "nftables": [
        {"table": {"name": "mediastack_wall"}},
        dropping("judge", 7, "other_ipv4"),
        dropping("judge", 8, "other_ipv6"),
        dropping("owner", 9, "owner_ipv4"),
    ]
}


def test_rules_are_found_by_their_chain_and_words() -> None:
    assert leak_walls.handles(LISTED, "judge", ("drop",)) == [7, 8]
    assert leak_walls.handles(LISTED, "judge", ("other_ipv6", "drop")) == [8]


def test_a_rule_that_is_not_there_is_an_error_of_the_fault_and_no_pass() -> None:
    with pytest.raises(CheckError, match="no rule owner reply"):
        leak_walls.handles(LISTED, "owner", ("reply",))


COMPOSE = """\
services:
  gluetun:
    dns:
      - "100::1"
    networks:
      x: {}
"""


@pytest.mark.parametrize(
    "text", [COMPOSE, COMPOSE.replace('\n      - "100::1"', ' ["100::1"]'),
             COMPOSE.replace("      - ", "    - ")]
)  # fmt: skip
def test_what_docker_is_told_of_names_is_taken_out_and_nothing_else(text: str) -> None:
    assert leak_walls.without_dns(text) == COMPOSE.replace('    dns:\n      - "100::1"\n', "")


def test_a_compose_file_that_says_nothing_of_names_is_an_error() -> None:
    with pytest.raises(CheckError, match="no dns"):
        leak_walls.without_dns("services:\n  gluetun:\n")


def test_packets_at_the_sink_are_a_violation_that_shows_some() -> None:
    context = Context("leaks")
    seen = Seen(CANARY)
    leaks._nothing_leaked(context, seen, "now")
    assert context.violations == []
    seen.sunk = tally([packet("udp", "203.0.113.80", 39999)], [], CANARY)
    leaks._nothing_leaked(context, seen, "now")
    (found,) = context.violations
    assert found.startswith("1 packets left beside the tunnel now: 1 udp (such as udp: 1.000")


def test_port_of_the_endpoint_at_another_address_is_a_violation_like_any_other() -> None:
    context = Context("leaks")
    seen = Seen(CANARY)
    seen.sunk = tally([packet("udp", "203.0.113.80", 51820)], [], CANARY)
    leaks._nothing_leaked(context, seen, "now")
    (found,) = context.violations
    assert found.startswith("1 packets left beside the tunnel now: 1 endpoint-port (such as")


def test_what_is_somebody_elses_is_no_violation() -> None:
    context = Context("leaks")
    seen = Seen(CANARY)
    seen.sunk = tally([packet("tcp", "203.0.113.80", 80)], [], CANARY)
    leaks._nothing_leaked(context, seen, "now")
    assert context.violations == []
    assert context.figures == {"others_at_the_sink": 1}


@pytest.mark.parametrize("name", ["prober", "tap"])
def test_a_program_for_the_box_is_one_line_that_no_shell_reads_anything_into(name: str) -> None:
    line = program(name, canary="it's $HOME", addresses=["`id`"])
    assert "\n" not in line
    assert not set("$`") & set(line)
