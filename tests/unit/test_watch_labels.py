"""What a container's labels tell What's Up Docker, and how they reach it through compose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from settings_house import load

import layout
import render
import watch_labels
from catalog import SERVICES
from settings import Settings


def built(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every service of the compose files that a host gets."""
    entries, _ = layout.build(
        settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    files = [one for one in entries if one["path"].endswith("/compose.yaml")]
    return {
        name: one
        for file in files
        for name, one in yaml.safe_load(file["text"])["services"].items()
    }


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ("gluetun", {"wud.tag.include": r"^v\d+\.\d+\.\d+$"}),
        (
            "plex",
            {
                "wud.tag.include": r"^\d+\.\d+\.\d+\.\d+-[0-9a-f]{9}-ls\d+$",
                "wud.tag.transform": r"^(\d+)\.(\d+)\.(\d+)\.(\d+)-[0-9a-f]{9}-ls(\d+)$"
                " => $1.$2.$3-$4.$5",
            },
        ),
        (
            "cross-seed",
            {
                "wud.tag.include": "^6$",
                "wud.tag.transform": "^6()$ => unversioned$1",
                "wud.watch.digest": "true",
            },
        ),
        ("autoheal", {"wud.tag.include": "^latest$", "wud.watch.digest": "true"}),
        ("qbittorrent", {"wud.tag.include": r"^[5-9]\.\d+\.\d+$"}),
    ],
)
def test_labels_follow_from_the_tag(service: str, wanted: dict[str, str]) -> None:
    assert watch_labels.labels(SERVICES[service]) == {"wud.watch": "true", **wanted}


def test_a_pattern_with_groups_of_its_own_keeps_the_order_of_the_tags_shape() -> None:
    service = SERVICES["prowlarr"].model_copy(update={"update_tags": r"^2\.(6|7)\.\d+\.\d+-ls\d+$"})
    rule = watch_labels.labels(service)["wud.tag.transform"]
    assert rule == r"^(\d+)\.(\d+)\.(\d+)\.(\d+)-ls(\d+)$ => $1.$2.$3-$4.$5"


def test_a_policy_changes_the_labels_of_its_own_container_alone(tmp_path: Path) -> None:
    plain, own = load(tmp_path), {"services": {"sonarr": {"updates": "pinned"}}}
    pinned, before = built(load(tmp_path, own)), built(plain)
    assert pinned["sonarr"]["labels"]["wud.watch"] == "false"
    assert [name for name in before if before[name] != pinned[name]] == ["sonarr"]
    told = built(load(tmp_path, {"services": {"sonarr": {"updates": "notify"}}}))
    assert told == before


def test_every_dollar_is_doubled_and_nothing_else_is_changed(tmp_path: Path) -> None:
    for name, service in built(load(tmp_path)).items():
        found = {key: text for key, text in service["labels"].items() if key.startswith("wud.")}
        # As compose reads it: a single dollar would be the start of a variable.
        assert not any("$" in text.replace("$$", "") for text in found.values())
        read = {key: text.replace("$$", "$") for key, text in found.items()}
        assert read == watch_labels.labels(SERVICES[name])


def test_what_it_finds_goes_to_the_door_with_a_token_from_a_file(tmp_path: Path) -> None:
    own = {"updates": {"port": 18195}, "network": {"subnet": "10.20.0.0/24"}}
    service = built(load(tmp_path, own))["wud"]
    said = service["environment"]
    trigger = {key: said[key] for key in said if key.startswith("WUD_TRIGGER")}
    prefix = "WUD_TRIGGER_HTTP_MEDIASTACK"
    assert trigger == {
        f"{prefix}_AUTO": "true",
        f"{prefix}_URL": "http://10.20.0.1:18195/hooks/wud",
        f"{prefix}_METHOD": "POST",
        f"{prefix}_MODE": "simple",
        f"{prefix}_ONCE": "true",
        f"{prefix}_AUTH_TYPE": "BEARER",
        f"{prefix}_AUTH_BEARER__FILE": "/run/secrets/webhook_token",
    }
    assert said["WUD_WATCHER_LOCAL_WATCHBYDEFAULT"] == "false"
    mounted = {one["target"]: one for one in service["volumes"]}
    token = mounted["/run/secrets/webhook_token"]
    assert token["source"] == "/etc/mediastack/secrets/wud/webhook_token" and token["read_only"]


def test_without_updates_nothing_is_posted(tmp_path: Path) -> None:
    said = built(load(tmp_path, {"updates": {"enabled": False}}))["wud"]["environment"]
    assert said["WUD_TRIGGER_HTTP_MEDIASTACK_AUTO"] == "false"


def test_it_can_only_read(tmp_path: Path) -> None:
    services = built(load(tmp_path))
    assert "socket-read" in services["wud"]["networks"]
    assert not any("docker.sock" in one["source"] for one in services["wud"]["volumes"])
    allowed = services["socket-proxy-read"]["environment"]
    assert allowed["POST"] == "0"
    assert not any(key.startswith("ALLOW_") for key in allowed)
    # Its only trigger tells; those that act on containers are others.
    assert not any("TRIGGER_DOCKER" in key for key in services["wud"]["environment"])


DOORS = ("updater", "webhook_token")


def test_the_door_has_a_token_also_without_its_caller(tmp_path: Path) -> None:
    def entry(settings: Settings) -> dict[str, Any]:
        _, config = layout.build(
            settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
        )
        (found,) = (one for one in config["secrets"] if (one["service"], one["name"]) == DOORS)
        return dict(found)

    with_it = entry(load(tmp_path))
    assert (with_it["origin"], with_it["source"]) == ("copy", "wud/webhook_token")
    alone = entry(load(tmp_path, {"services": {"wud": {"enabled": False}}}))
    assert (alone["origin"], alone["kind"], alone["source"]) == ("generated", "opaque", "")
    assert alone["uid"] == with_it["uid"] == 0


def test_labels_belong_to_a_containers_identity(tmp_path: Path) -> None:
    settings = load(tmp_path)
    values = render.context(settings, "192.168.1.10", "box")
    one = settings.services["sonarr"]
    moved = one.model_copy(update={"update_tags": r"^4\.\d+\.\d+$"})
    blocks = [render.block(settings, service, values) for service in (one, moved)]
    assert len({render.config_hash(block) for block in blocks}) == len(blocks)
