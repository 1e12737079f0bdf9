"""[vpn] of mediastack.toml, Gluetun's environment and portsync's unit follow from the settings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from settings_house import load

import host_configuration
import layout
import vpn_configuration
from settings import Settings

OFF: dict[str, Any] = {"vpn": {"port_forwarding": False}}


def entries(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    found, config = layout.build(
        settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    return {one["path"]: one for one in found}, config


def test_the_table_says_where_both_are_and_where_their_keys_are(tmp_path: Path) -> None:
    config = entries(load(tmp_path))[1]
    assert config["vpn"] == {
        "endpoints": [{"address": "", "port": 51820}],
        "exit_check_url": "https://api.ipify.org",
        "exit_check_url_ipv6": "https://api6.ipify.org",
        "exit_check_resolver": "9.9.9.9",
        "exit_check_resolver_ipv6": "2620:fe::9",
        "owner": "gluetun",
        "provider": "protonvpn",
        "torrent_client": "qbittorrent",
        "interface": "tun0",
        "port_forwarding": True,
        "control_url": "http://172.30.0.10:8000",
        "control_key_file": "/etc/mediastack/secrets/gluetun/control_api_key",
        "torrent_url": "http://172.30.0.10:8080",
        "torrent_user": "admin",
        "torrent_password_file": "/etc/mediastack/secrets/qbittorrent/web_password",
        "status_file": "/srv/mediastack/config/gluetun/portsync/forwarded_port",
        "wake_file": "/srv/mediastack/config/gluetun/portsync/wake",
        "no_port_alarm_seconds": 900,
    }
    secrets = {(one["service"], one["name"]) for one in config["secrets"]}
    assert {("gluetun", "control_api_key"), ("qbittorrent", "web_password")} <= secrets


def test_gluetun_finds_its_directory_and_only_wakes(tmp_path: Path) -> None:
    found, config = entries(load(tmp_path))
    directory = found["/srv/mediastack/config/gluetun/portsync"]
    assert (directory["kind"], directory["mode"], directory["uid"]) == ("directory", "0700", 0)
    lines = found["/etc/mediastack/gluetun.env"]["text"].splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    inside = config["vpn"]["status_file"].replace("/srv/mediastack/config/gluetun", "/gluetun")
    assert values["VPN_PORT_FORWARDING_STATUS_FILE"] == inside
    wake = config["vpn"]["wake_file"].replace("/srv/mediastack/config/gluetun", "/gluetun")
    for name in ("UP", "DOWN"):
        command = values[f"VPN_PORT_FORWARDING_{name}_COMMAND"]
        # Gluetun has a splitter and no shell; "$" would be a variable of Compose's.
        assert shlex.split(command) == ["/bin/sh", "-c", f": >{wake}"]
        assert "$" not in command


@pytest.mark.parametrize(
    "own",
    [
        OFF,
        {"services": {"qbittorrent": {"enabled": False}, "cross-seed": {"enabled": False}}},
    ],
)
def test_without_a_port_or_a_client_there_is_no_portsync(
    tmp_path: Path, own: dict[str, Any]
) -> None:
    found, config = entries(load(tmp_path, own))
    assert config["vpn"]["port_forwarding"] is False
    assert vpn_configuration.UNIT not in {one["name"] for one in config["units"]}
    assert f"/etc/systemd/system/{vpn_configuration.UNIT}" not in found
    if own is OFF:
        assert "UP_COMMAND" not in found["/etc/mediastack/gluetun.env"]["text"]


def test_without_gluetun_the_table_is_empty(tmp_path: Path) -> None:
    from catalog import SERVICES

    gone = [name for name, one in SERVICES.items() if one.zone == "vpn" or one.owner]
    settings = load(tmp_path, {"services": {name: {"enabled": False} for name in gone}})
    assert entries(settings)[1]["vpn"] == {"endpoints": []}


def test_with_a_port_the_unit_is_wanted_and_placed(tmp_path: Path) -> None:
    found, config = entries(load(tmp_path, {"vpn": {"no_port_alarm_minutes": 3}}))
    assert {"name": vpn_configuration.UNIT, "kind": "service"} in config["units"]
    assert f"/etc/systemd/system/{vpn_configuration.UNIT}" in found
    assert config["vpn"]["no_port_alarm_seconds"] == 180
    first = config["units"][: len(host_configuration.UNITS)]
    assert tuple((one["name"], one["kind"]) for one in first) == host_configuration.UNITS


def test_qbittorrent_asks_everybody_for_a_password_and_opens_no_port_itself() -> None:
    text = (layout.SERVICE_TEMPLATES / "qbittorrent" / "qBittorrent.conf").read_text()
    for line in (
        "WebUI\\LocalHostAuth=true",
        "PortForwardingEnabled=false",
        "Session\\Interface=tun0",
        f"WebUI\\Username={vpn_configuration.TORRENT_USER}",
    ):
        assert f"\n{line}\n" in text
    assert "AuthSubnetWhitelist" not in text
