"""What the wall is made from: configuration, and what Docker said."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mediastack import wall_state

CONFIG: dict[str, Any] = {
    "stacks": {"downloads": {}, "ops": {}},
    "services": {"gluetun": {"owner": True}, "seerr": {"owner": False}},
    "vpn": {"provider": "protonvpn", "endpoints": [{"address": "", "port": 51820}]},
    "wall": {
        "subnets": ["172.30.0.0/24"],
        "owner_addresses": ["172.30.0.10"],
        "egress_addresses": ["172.30.0.21"],
        "outbound_subnets": [],
    },
}
BRIDGE = {
    "Name": "homelab_media_network",
    "Id": "abcdef0123456789",
    "Driver": "bridge",
    "Labels": {"io.mediastack.network": "bridge"},
}
SOCKET = {
    "Name": "mediastack_socket_read",
    "Id": "fedcba9876543210",
    "Driver": "bridge",
    "Labels": {"com.docker.compose.project": "mediastack-ops"},
    "Options": {"com.docker.network.bridge.name": "media1"},
}
OTHERS = (
    {"Name": "bridge", "Id": "1" * 64, "Driver": "bridge", "Labels": {}},
    {"Name": "x", "Id": "2" * 64, "Driver": "bridge", "Labels": None},
    {"Name": "y", "Id": "3" * 64, "Driver": "bridge",
     "Labels": {"com.docker.compose.project": "mediastack"}},
    {"Name": "z", "Id": "4" * 64, "Driver": "macvlan", "Labels": {"io.mediastack.network": "z"}},
)  # fmt: skip


KNOWN: dict[str, dict[str, Any]] = {
    "protonvpn": {"current": ["198.51.100.10"], "older": ["198.51.100.9"], "replaced_at": 5.0},
    "mullvad": {"current": ["198.51.100.99"], "older": [], "replaced_at": 0.0},
}


def gluetun(provider: str = "protonvpn", started: str = "", **labels: str) -> dict[str, Any]:
    named = {f"io.mediastack.{name}": value for name, value in labels.items()}
    return {
        "Config": {
            "Labels": {"io.mediastack.service": "gluetun", **named},
            "Env": ["PUID=1000", f"VPN_SERVICE_PROVIDER={provider}"],
        },
        "State": {"StartedAt": started},
    }


def test_configuration_alone_makes_a_whole_wall() -> None:
    wall = wall_state.wall(CONFIG, wall_state.nothing(), KNOWN)
    assert wall.subnets == {"172.30.0.0/24"}
    assert wall.owners == {"172.30.0.10"}
    assert wall.egress == {"172.30.0.21"}
    assert wall.endpoints == {("", 51820)}
    assert wall.servers == {"198.51.100.9", "198.51.100.10"}
    assert wall.unlisted == set()


def test_without_a_list_of_each_provider_in_question_the_port_alone_decides() -> None:
    seen = wall_state.seen(CONFIG, [], [gluetun("ivpn", endpoints="* 58237")])
    wall = wall_state.wall(CONFIG, seen, KNOWN)
    assert wall.servers == set()
    assert wall.unlisted == {51820, 58237}
    assert wall_state.wall(CONFIG, wall_state.nothing(), {}).unlisted == {51820}


def test_servers_of_the_provider_that_gluetun_was_created_for_are_reached_too() -> None:
    seen = wall_state.seen(CONFIG, [], [gluetun("mullvad", endpoints="* 51820")])
    assert wall_state.providers(CONFIG, seen) == {"protonvpn", "mullvad"}
    assert "198.51.100.99" in wall_state.wall(CONFIG, seen, KNOWN).servers
    # What an older keeper saved says nothing of a provider.
    del seen["providers"]  # type: ignore[misc]
    assert wall_state.providers(CONFIG, seen) == {"protonvpn"}


def test_when_gluetun_started_is_dockers_word() -> None:
    def started(*several: str) -> float | None:
        made = [gluetun(started=one) for one in several]
        return wall_state.seen(CONFIG, [], made)["started"]

    assert started("2026-11-27T11:29:32.458024507Z") == pytest.approx(1795778972.458)
    assert started("0001-01-01T00:00:00Z") is None
    assert started() is None
    # Beside one that is about to go, the one that has run longest counts.
    both = ("2026-11-27T11:29:32Z", "2026-11-27T11:30:00Z")
    assert started(*both) == started(both[0])


def test_our_networks_are_told_by_label_and_project_whatever_their_interface_is_called() -> None:
    seen = wall_state.seen(CONFIG, [BRIDGE, SOCKET, *OTHERS], [])
    assert seen["bridges"] == ["br-abcdef012345", "media1"]


def test_new_endpoint_passes_beside_the_one_that_gluetun_was_created_with() -> None:
    config = copy.deepcopy(CONFIG)
    config["vpn"]["endpoints"] = [{"address": "", "port": 1637}]
    created = [gluetun(endpoints="* 51820", outbound="192.168.1.0/24")]
    both = wall_state.wall(config, wall_state.seen(config, [], created), KNOWN)
    assert both.endpoints == {("", 51820), ("", 1637)}
    assert both.outbound == {"192.168.1.0/24"}
    # Recreated: the old way is closed.
    created = [gluetun(endpoints="* 1637")]
    after = wall_state.wall(config, wall_state.seen(config, [], created), KNOWN)
    assert after.endpoints == {("", 1637)}
    assert after.outbound == set()


def test_nobody_but_the_owner_opens_a_way_by_a_label() -> None:
    other = gluetun(endpoints="* 443")
    other["Config"]["Labels"]["io.mediastack.service"] = "seerr"
    assert wall_state.seen(CONFIG, [], [other])["endpoints"] == []


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("* 51820", {("", 51820)}),
        ("198.51.100.10 1194,2001:db8::1 53", {("198.51.100.10", 1194), ("2001:db8::1", 53)}),
        ("", set()),
        ("* 0,* 65536,* x,51820,nowhere 1,* 1194", {("", 1194)}),
    ],
)
def test_label_is_read_as_far_as_it_makes_sense(label: str, found: set[tuple[str, int]]) -> None:
    assert wall_state.read_endpoints(label) == found


def test_networks_in_a_label_are_networks() -> None:
    assert wall_state.read_networks("192.168.1.0/24,192.168.1.7/24,x") == {"192.168.1.0/24"}
