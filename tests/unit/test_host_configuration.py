"""mediastack.toml: what host programs read is what catalog and settings say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from settings_house import KEY, load

import host_configuration as configuration
import layout
from catalog import SERVICES
from settings import Settings, enabled

BIND = "192.168.1.10"
PLACEHOLDER = re.compile(r"@@SECRET ([a-z0-9-]+/[a-z0-9_]+)")


def build(settings: Settings) -> dict[str, Any]:
    return layout.build(
        settings, host_name="box", bind_address=BIND, daemon={}, data_is_mount=True
    )[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path)


@pytest.fixture
def config(settings: Settings) -> dict[str, Any]:
    return build(settings)


def off(*names: str, **more: Any) -> dict[str, Any]:
    return {"services": {name: {"enabled": False} for name in names}, **more}


def secrets(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{one['service']}/{one['name']}": one for one in config["secrets"]}


def test_every_enabled_service_is_in_its_stack_in_start_order(config: dict[str, Any]) -> None:
    assert set(config["stacks"]) == {"downloads", "media", "ops"}
    for stack, one in config["stacks"].items():
        wanted = [s.name for s in SERVICES.values() if s.enabled and s.stack == stack]
        assert one["services"] == wanted
    assert set(config["services"]) == {s.name for s in SERVICES.values() if s.enabled}


def test_the_drill_starts_what_has_state_and_needs_neither_tunnel_nor_socket(
    config: dict[str, Any],
) -> None:
    left_out = {name for name, one in config["services"].items() if not one["drill"]}
    assert left_out == {
        *("gluetun", "cross-seed"),  # the tunnel; it ends without its torrent client
        *("flaresolverr", "unpackerr", "autoheal", "dozzle"),  # no state
        *("recyclarr",),  # nothing to ask
        *("wud", "homepage", "socket-proxy-read", "socket-proxy-heal"),  # Docker's socket
    }


def test_a_services_table_is_complete_and_plain(config: dict[str, Any]) -> None:
    sonarr = dict(config["services"]["sonarr"])
    assert re.fullmatch("[0-9a-f]{16}", sonarr.pop("config_hash"))
    assert sonarr == {
        "summary": "Series",
        "stack": "downloads",
        "zone": "vpn",
        "owner": False,
        "image": "ghcr.io/linuxserver/sonarr:4.0.20",
        "port": 8989,
        "published_port": 8989,
        "url": "http://192.168.1.10:8989",
        "address": "",
        "health": True,
        "config": "/srv/mediastack/config/sonarr",
        "config_path": "/config",
        "backup": "live",
        "databases": ["sonarr.db"],
        "state_exclude": ["logs", "logs.db", "MediaCover", "Backups"],
        "drill": True,
        "data": True,
        "stop_grace_seconds": 30,
        "updates": "auto",
        "update_tags": r"^\d+\.\d+\.\d+$",
        "update_deadline_seconds": 1800,
        "uid": 1000,
        "gid": 1000,
        "attached": {"restart": "no", "networks": {}, "ports": []},
    }


def test_how_a_container_is_attached_follows_from_its_zone_and_socket(
    config: dict[str, Any],
) -> None:
    ntfy, plex, gluetun, proxy, wud = (
        config["services"][name]["attached"]
        for name in ("ntfy", "plex", "gluetun", "socket-proxy-read", "wud")
    )
    bridge = {"homelab_media_network": config["services"]["ntfy"]["address"]}
    assert ntfy == {
        "restart": "unless-stopped",
        "networks": bridge,
        "ports": ["192.168.1.10:8090:8090"],
    }
    assert plex == {"restart": "unless-stopped", "networks": {}, "ports": []}
    assert "192.168.1.10:8989:8989" in gluetun["ports"]  # for sonarr, in its namespace
    assert proxy["networks"] == {"mediastack_socket_read": ""}
    assert set(wud["networks"]) == {"homelab_media_network", "mediastack_socket_read"}


def test_what_is_not_there_is_empty_rather_than_absent(config: dict[str, Any]) -> None:
    proxy = config["services"]["socket-proxy-read"]
    assert (proxy["config"], proxy["url"], proxy["address"]) == ("", "", "")
    assert (proxy["published_port"], proxy["health"], proxy["data"]) == (0, False, False)
    assert config["services"]["recyclarr"]["port"] == 0


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("plex", f"http://{BIND}:32400"),
        ("dozzle", ""),
        ("wud", ""),
        ("homepage", f"http://{BIND}:3000"),
        ("gluetun", ""),
    ],
)
def test_a_url_is_where_a_browser_finds_it(config: dict[str, Any], name: str, url: str) -> None:
    assert config["services"][name]["url"] == url


def test_there_is_one_owner_of_the_vpn_zone(config: dict[str, Any]) -> None:
    assert [n for n, one in config["services"].items() if one["owner"]] == ["gluetun"]


def test_copies_come_after_originals_and_each_has_one(config: dict[str, Any]) -> None:
    origins = [one["origin"] for one in config["secrets"]]
    assert origins == sorted(origins, key=lambda origin: origin == "copy")
    found = secrets(config)
    assert len(found) == len(config["secrets"])
    for one in found.values():
        if one["origin"] == "copy":
            assert found[one["source"]]["origin"] != "copy"
        else:
            assert one["source"] == ""


def test_a_mounted_secret_belongs_to_whoever_opens_it(config: dict[str, Any]) -> None:
    found = secrets(config)
    assert found["gluetun/wireguard_private_key"]["uid"] == 0
    assert found["unpackerr/sonarr_api_key"]["uid"] == 1000  # user: from the start
    assert found["notify/token"]["uid"] == 0
    assert found["gluetun/wireguard_private_key"]["origin"] == "user"


def test_no_value_of_a_secret_is_in_it(config: dict[str, Any]) -> None:
    assert KEY not in repr(config)
    assert all("value" not in one for one in config["secrets"])


def test_the_copies_of_a_disabled_service_are_dropped(tmp_path: Path) -> None:
    found = secrets(build(load(tmp_path, off("radarr", "unpackerr"))))
    assert "bazarr/radarr_api_key" not in found
    assert "bazarr/sonarr_api_key" in found


@pytest.mark.parametrize(
    "without",
    [
        (),
        ("sonarr", "unpackerr"),
        ("radarr", "unpackerr"),
        ("sonarr", "radarr", "unpackerr"),
        ("qbittorrent",),
        ("bazarr", "cross-seed", "tautulli"),
    ],
)
def test_every_placeholder_of_every_file_is_a_secret_of_its_service(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    settings = load(tmp_path, off(*without))
    entries, config = layout.build(
        settings, host_name="box", bind_address=BIND, daemon={}, data_is_mount=True
    )
    texts = {one["path"]: one.get("text", "") for one in entries}
    declared = secrets(config)
    for one in config["secret_files"]:
        for name in PLACEHOLDER.findall(texts[one["template"]]):
            assert name in declared
            assert name.partition("/")[0] == one["service"]
    assert {s["template"] for s in config["secret_files"]} == {
        path for path in texts if path.startswith("/opt/mediastack/templates/") and texts[path]
    }


def test_a_seed_goes_into_the_apps_state_and_any_other_file_beside_the_secrets(
    config: dict[str, Any],
) -> None:
    found = {one["destination"]: one for one in config["secret_files"]}
    assert len(found) == len(config["secret_files"])
    for destination, one in found.items():
        if one["seed"]:
            assert destination.startswith(f"/srv/mediastack/config/{one['service']}/")
            assert one["mode"] == "0600"
        else:
            assert destination.startswith(f"/etc/mediastack/secrets/{one['service']}/")
            assert one["mode"] == "0400"
    seed = found["/srv/mediastack/config/sonarr/config.xml"]
    assert (seed["uid"], seed["gid"]) == (1000, 1000)
    assert found["/etc/mediastack/secrets/gluetun/config.toml"]["uid"] == 0
    assert found["/etc/mediastack/secrets/cross-seed/config.js"]["uid"] == 1000


def test_no_file_takes_the_place_of_a_secret(config: dict[str, Any]) -> None:
    places = [f"/etc/mediastack/secrets/{name}" for name in secrets(config)]
    places += [one["destination"] for one in config["secret_files"]]
    assert len(places) == len(set(places))


def test_messages_go_to_our_ntfy_on_the_bridge(config: dict[str, Any]) -> None:
    assert config["notify"] == {
        "url": "http://172.30.0.32:8090",
        "topic": "mediastack",
        "token_file": "/etc/mediastack/secrets/notify/token",
        "quiet_hours": "",
    }
    assert secrets(config)["notify/token"]["source"] == "ntfy/publish_token"


def test_messages_go_to_the_server_of_the_settings(tmp_path: Path) -> None:
    own = off("ntfy", notify={"server": "https://ntfy.sh", "topic": "mine"})
    found = build(load(tmp_path, own))
    assert (found["notify"]["url"], found["notify"]["topic"]) == ("https://ntfy.sh", "mine")
    token = secrets(found)["notify/token"]
    assert (token["origin"], token["source"], token["required"]) == ("user", "", False)


def test_another_subnet_moves_every_address(tmp_path: Path) -> None:
    found = build(load(tmp_path, {"network": {"subnet": "10.77.0.0/24"}}))
    assert found["network"]["gateway"] == "10.77.0.1"
    assert found["notify"]["url"] == "http://10.77.0.32:8090"
    held = [one["address"] for one in found["services"].values() if one["address"]]
    assert all(one.startswith("10.77.0.") for one in held)
    assert len(held) == len(set(held))


def test_paths_and_identity_are_the_settings(tmp_path: Path) -> None:
    own = {"storage": {"data": "/mnt/media"}, "host": {"puid": 2000, "timezone": "Europe/Berlin"}}
    found = build(load(tmp_path, own))
    assert found["paths"]["sentinel"] == "/mnt/media/.mediastack-sentinel"
    assert found["host"]["timezone"] == "Europe/Berlin"
    assert found["services"]["sonarr"]["uid"] == 2000
    assert found["services"]["seerr"]["uid"] == 1000  # the image's own


def test_the_release_changes_with_any_byte_and_any_name_of_the_package() -> None:
    seen = {
        configuration.release(package)
        for package in ({"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b""}, {"a1": b""})
    }
    assert len(seen) == 5
    assert all(one.startswith(f"{configuration.VERSION}+") for one in seen)
    assert configuration.release({"a": b"", "b": b""}) == configuration.release(
        {"b": b"", "a": b""}
    )


def test_every_service_that_shall_run_has_a_table(settings: Settings) -> None:
    assert list(build(settings)["services"]) == list(enabled(settings))
