"""The settings of Gluetun's stand-in: what is taken, what is refused and in upstream's words."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from gluetun_house import KEY, PROTON, read

from sandbox.standins import gluetun_settings


def refusal(tmp_path: Path, key: str = KEY, **environment: str) -> str:
    with pytest.raises(gluetun_settings.SettingsError) as caught:
        read(tmp_path, key, **environment)
    assert not key or key not in str(caught.value)
    return str(caught.value)


def test_the_defaults_are_those_of_protonvpn(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.private_key == KEY
    assert [str(address) for address in settings.addresses] == ["10.2.0.2/32"]
    assert (settings.interface, settings.mtu) == ("tun0", 1320)
    assert (settings.connection.address, settings.connection.port) == ("198.51.100.10", 51820)
    assert settings.status_file == "/tmp/gluetun/forwarded_port"
    assert settings.firewall
    assert settings.restart_vpn


def test_a_secret_file_wins_over_the_environment(tmp_path: Path) -> None:
    other = base64.b64encode(b"o" * 32).decode()
    assert read(tmp_path, WIREGUARD_PRIVATE_KEY=other).private_key == KEY
    (tmp_path / "wireguard_private_key").unlink()
    assert read(tmp_path, "", WIREGUARD_PRIVATE_KEY=other).private_key == other


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"VPN_TYPE": "openvpn"}, "only wireguard is covered"),
        ({"VPN_SERVICE_PROVIDER": "nobody"}, "VPN service provider name"),
        ({"WIREGUARD_ADDRESSES": "10.2.0.2/33"}, "parsing address"),
        ({"SERVER_COUNTRIES": "Atlantis"}, "the country specified is not valid"),
        ({"SERVER_CITIES": "Atlantis"}, "the city specified is not valid"),
        ({"SERVER_HOSTNAMES": "none.example"}, "the hostname specified is not valid"),
        ({"FREE_ONLY": "on", "VPN_PORT_FORWARDING": "on"}, "together with free only filter"),
        ({"FREE_ONLY": "on", "SERVER_COUNTRIES": "Switzerland"}, "no server found"),
        ({"FREE_ONLY": "perhaps"}, "FREE_ONLY"),
        ({"WIREGUARD_ENDPOINT_PORT": "1"}, "endpoint port is set"),
        ({"VPN_SERVICE_PROVIDER": "custom"}, "endpoint IP is not set"),
        ({"WIREGUARD_PUBLIC_KEY": "x"}, "public key is not valid"),
        ({"FIREWALL_OUTBOUND_SUBNETS": "lan"}, "lan"),
    ],
)
def test_what_upstream_refuses_is_refused(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    assert words in refusal(tmp_path, **environment)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "private key is not set"),
        ("short", "failed to parse base64-encoded key"),
        (base64.b64encode(b"x" * 31).decode(), "incorrect key size: 31"),
    ],
)
def test_a_key_that_is_none_is_refused_without_showing_it(
    tmp_path: Path, key: str, words: str
) -> None:
    assert words in refusal(tmp_path, key)


def test_one_valid_name_of_several_suffices_in_any_case_of_letters(tmp_path: Path) -> None:
    found = read(tmp_path, SERVER_COUNTRIES="Atlantis, sWitzerland").connection
    assert found.name == "node-ch-01.protonvpn.net"


def test_an_ipv6_address_is_refused_where_no_link_has_ipv6(tmp_path: Path) -> None:
    environment = {**PROTON, "WIREGUARD_ADDRESSES": "10.2.0.2/32,2001:db8:f:2::2/128"}
    with pytest.raises(gluetun_settings.SettingsError, match="private key is not set"):
        gluetun_settings.read(environment, tmp_path, ipv6=True)
    with pytest.raises(gluetun_settings.SettingsError, match="IPv6 is not supported"):
        gluetun_settings.read(environment, tmp_path, ipv6=False)


def test_free_servers_forward_no_port(tmp_path: Path) -> None:
    assert "free" in read(tmp_path, FREE_ONLY="on").connection.name
    assert "free" not in read(tmp_path, VPN_PORT_FORWARDING="on").connection.name


def test_a_custom_endpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    custom = {
        "VPN_SERVICE_PROVIDER": "custom", "WIREGUARD_ENDPOINT_IP": "198.51.100.99",
        "WIREGUARD_ENDPOINT_PORT": "443", "WIREGUARD_PUBLIC_KEY": KEY,
    }  # fmt: skip
    assert "interface address is not set" in refusal(tmp_path, key="", **custom)
    settings = gluetun_settings.read(
        {**PROTON, **custom, "WIREGUARD_ADDRESSES": "10.9.0.2", "WIREGUARD_PRIVATE_KEY": KEY},
        tmp_path,
    )
    connection = settings.connection
    assert (connection.address, connection.port, connection.public_key) == (
        "198.51.100.99", 443, KEY,
    )  # fmt: skip
    assert str(settings.addresses[0]) == "10.9.0.2/32"
