"""Rendered networks: zones, fixed addresses, published ports."""

from __future__ import annotations

from pathlib import Path

import pytest
from compose_house import BIND, EVERYTHING, Block, services
from settings_house import load

from catalog import SERVICES
from settings import Settings

SECRET_NAMES = ("PASSWORD", "TOKEN", "SECRET", "APIKEY", "API_KEY", "PRIVATE")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(tmp_path_factory.mktemp("house"), EVERYTHING)


@pytest.fixture(scope="module")
def blocks(house: Settings) -> dict[str, Block]:
    return services(house)


EACH = pytest.mark.parametrize("name", list(SERVICES))


@EACH
def test_the_vpn_zone_has_no_network_of_its_own(name: str, blocks: dict[str, Block]) -> None:
    block, service = blocks[name], SERVICES[name]
    inside = service.zone == "vpn"
    assert (block.get("network_mode") == "service:gluetun") == inside
    assert (block["restart"] == "no") == inside
    assert ("depends_on" in block) == inside
    if inside:
        assert not {"ports", "networks"} & block.keys()
        assert block["depends_on"] == {"gluetun": {"condition": "service_healthy"}}
        assert "autoheal" not in block["labels"]
    else:
        assert block["restart"] == "unless-stopped"


@EACH
def test_addresses_are_fixed_and_within_the_subnet(name: str, blocks: dict[str, Block]) -> None:
    service, networks = SERVICES[name], blocks[name].get("networks", {})
    if service.address:
        assert networks["bridge"] == {"ipv4_address": f"172.30.0.{service.address}"}
    else:
        assert "bridge" not in networks


def test_published_ports_are_those_the_catalog_publishes_and_no_others(
    blocks: dict[str, Block],
) -> None:
    found = {name: set(block["ports"]) for name, block in blocks.items() if "ports" in block}
    wanted: dict[str, set[str]] = {}
    for service in SERVICES.values():
        if service.publish and service.zone != "host":
            holder = "gluetun" if service.zone == "vpn" else service.name
            outside = service.host_port or service.port
            wanted.setdefault(holder, set()).add(f"{BIND}:{outside}:{service.port}")
    assert found == wanted
    assert sum(len(block.get("ports", [])) for block in blocks.values()) == sum(
        map(len, wanted.values())
    )


def test_a_users_own_ports_are_published_all_and_only_when_they_say_so(tmp_path: Path) -> None:
    mine = {
        "image": "docker.io/library/nginx",
        "tag": "1.29",
        "stack": "media",
        "zone": "bridge",
        "address": 90,
        "port": 80,
        "host_port": 8880,
        "extra_ports": [8443],
    }
    for publish, ports in ((True, [f"{BIND}:8880:80", f"{BIND}:8443:8443"]), (False, None)):
        settings = load(tmp_path, {"services": {"mine": {**mine, "publish": publish}}})
        assert services(settings)["mine"].get("ports") == ports


def test_a_service_moved_out_of_the_tunnel_publishes_itself(tmp_path: Path) -> None:
    own = {"services": {"bazarr": {"zone": "bridge", "address": 60}}}
    block = services(load(tmp_path, own))
    assert block["bazarr"]["ports"] == [f"{BIND}:6767:6767"]
    assert f"{BIND}:6767:6767" not in block["gluetun"]["ports"]
    assert "network_mode" not in block["bazarr"]
