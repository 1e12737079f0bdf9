"""What a host has for the monitor follows from whether it has a Gluetun, and from the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import load

import layout
import monitor_configuration as monitor
from catalog import SERVICES
from mediastack.monitor import door, host
from settings import Settings

UNITS = "/etc/systemd/system"
NO_GLUETUN: dict[str, Any] = {
    "services": {
        name: {"enabled": False} for name, one in SERVICES.items() if one.zone == "vpn" or one.owner
    }
}


def built(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    found, config = layout.build(
        settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    return {one["path"]: one for one in found}, config


def test_the_table_holds_every_setting_and_where_both_sides_meet(tmp_path: Path) -> None:
    table = built(load(tmp_path, {"monitor": {"cascades_per_hour": 2}}))[1]["monitor"]
    assert table == {
        "healthy_seconds": 300,
        "cascades_per_hour": 2,
        "pause_seconds": 3600,
        "loop_cascades": 3,
        "loop_seconds": 120,
        "unhealthy_seconds": 120,
        "restarts_per_hour": 3,
        "owner_unhealthy_seconds": 300,
        "restart_owner_seconds": 0,
        "reminder_seconds": 21600,
        "disk_free_least": 0.05,
        "metrics_port": 0,
        "account": "mediastack-monitor",
        "directory": "/var/lib/mediastack/monitor",
        "socket": "/run/mediastack-healer/healer.sock",
    }


def test_the_units_the_programs_and_the_configuration_mean_the_same_places(tmp_path: Path) -> None:
    files, config = built(load(tmp_path))
    table = config["monitor"]
    assert table["socket"] == door.SOCKET and host.directory() == table["directory"]
    listens = files[f"{UNITS}/mediastack-healer.socket"]["text"].splitlines()
    assert f"ListenStream={table['socket']}" in listens
    assert f"SocketUser={table['account']}" in listens and "SocketMode=0600" in listens
    watches = files[f"{UNITS}/mediastack-monitor.service"]["text"].splitlines()
    assert f"User={table['account']}" in watches
    assert f"BindPaths={table['directory']}" in watches
    assert "CapabilityBoundingSet=" in watches and "NoNewPrivileges=yes" in watches


def test_without_metrics_the_monitor_has_no_network(tmp_path: Path) -> None:
    unit = f"{UNITS}/mediastack-monitor.service"
    lines = built(load(tmp_path))[0][unit]["text"].splitlines()
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(lines)


def test_with_metrics_it_has_the_loopback_and_nothing_else(tmp_path: Path) -> None:
    unit = f"{UNITS}/mediastack-monitor.service"
    text = built(load(tmp_path, {"monitor": {"metrics_port": 9617}}))[0][unit]["text"]
    lines = text.splitlines()
    assert not any(line.startswith("PrivateNetwork") for line in lines)
    assert "RestrictAddressFamilies=AF_UNIX AF_INET" in lines
    assert {"IPAddressDeny=any", "IPAddressAllow=localhost"} <= set(lines)
    config = built(load(tmp_path, {"monitor": {"metrics_port": 9617}}))[1]
    (wanted,) = monitor.environment(config["monitor"]).values()
    ((name, value),) = wanted.items()
    assert f"Environment={name}={value}" in lines and value == "9617"


def test_every_unit_is_in_the_table_of_units_and_carries_the_release(tmp_path: Path) -> None:
    files, config = built(load(tmp_path))
    for name, kind in monitor.UNITS:
        assert {"name": name, "kind": kind} in config["units"]
        text = files[f"{UNITS}/{name}"]["text"]
        assert kind == "socket" or f"MEDIASTACK_RELEASE={config['release']}" in text
    assert set(monitor.sockets(config["monitor"])) == {"mediastack-healer.socket"}


def test_a_host_without_gluetun_has_neither_units_nor_account(tmp_path: Path) -> None:
    settings = load(tmp_path, NO_GLUETUN)
    files, config = built(settings)
    assert config["monitor"] == {}
    assert monitor.sockets({}) == monitor.environment({}) == {}
    names = {name for name, _ in monitor.UNITS}
    assert not names & {one["name"] for one in config["units"]}
    assert not any(f"{UNITS}/{name}" in files for name in names)
    assert monitor.accounts(settings, "/var/lib/mediastack") == []


@pytest.mark.parametrize("path", ["/var/lib/mediastack", "/etc/mediastack/secrets"])
def test_nothing_of_the_stacks_state_is_open_to_the_account(tmp_path: Path, path: str) -> None:
    entry = built(load(tmp_path))[0][path]
    assert (entry["mode"], entry["uid"], entry["gid"]) == ("0700", 0, 0)
