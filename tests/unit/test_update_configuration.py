"""What a host is told about updates follows from the settings and the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import load, problems

import layout
from settings import Settings


def built(settings: Settings) -> dict[str, Any]:
    return layout.build(
        settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )[1]


def test_the_table_holds_every_setting_and_who_may_call(tmp_path: Path) -> None:
    assert built(load(tmp_path, {"updates": {"window": "04:00-06:30"}}))["updates"] == {
        "enabled": True,
        "window": "04:00-06:30",
        "stable_seconds": 60,
        "deadline_seconds": 600,
        "keep_days": 7,
        "port": 8195,
        "wud": "http://172.30.0.33:3000",
        "account": "mediastack-updater",
        "inbox": "/var/lib/mediastack/inbox",
        "allowed": {
            "wud": "172.30.0.33",
            "autoheal": "172.30.0.34",
            # From within the tunnel's namespace everybody has Gluetun's address.
            "sonarr": "172.30.0.10",
            "radarr": "172.30.0.10",
            "unpackerr": "172.30.0.10",
            "cross-seed": "172.30.0.10",
            "seerr": "172.30.0.21",
        },
    }


def test_who_is_off_may_not_call(tmp_path: Path) -> None:
    off = {name: {"enabled": False} for name in ("wud", "seerr", "unpackerr")}
    table = built(load(tmp_path, {"services": off}))["updates"]
    assert table["wud"] == "" and not off.keys() & table["allowed"].keys()


def test_a_service_has_its_policy_and_its_deadline(tmp_path: Path) -> None:
    own = {
        "updates": {"deadline_seconds": 120},
        "services": {
            "sonarr": {"updates": "pinned", "update_deadline": 90},
            "ntfy": {"updates": "notify", "update_tags": r"^v2\.\d+\.\d+$"},
        },
    }
    services = built(load(tmp_path, own))["services"]
    assert services["sonarr"]["updates"] == "pinned"
    assert services["sonarr"]["update_deadline_seconds"] == 90
    assert services["ntfy"]["updates"] == "notify"
    assert services["ntfy"]["update_tags"] == r"^v2\.\d+\.\d+$"
    assert services["ntfy"]["update_deadline_seconds"] == 120
    assert services["cross-seed"]["update_tags"] == "^6$"
    assert services["gluetun"]["update_tags"] == r"^v\d+\.\d+\.\d+$"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"updates": {"window": "4-6"}}, "updates.window: is"),
        ({"updates": {"window": "04:00-04:20"}}, "too short"),
        ({"updates": {"window": "24:00-04:20"}}, "no time of the day"),
        ({"updates": {"port": 80}}, "updates.port: is 80, out of range"),
        ({"updates": {"port": 32400}}, "updates.port: is 32400, which plex publishes"),
        ({"updates": {"stable_seconds": 600}}, "updates.deadline_seconds: is 600"),
        ({"updates": {"auto": True}}, "updates.auto: is no setting"),
        ({"services": {"sonarr": {"updates": "never"}}}, "services.sonarr.updates: is"),
        ({"services": {"sonarr": {"update_deadline": 5}}}, "out of range"),
        ({"services": {"sonarr": {"update_deadline": 60}}}, "services.sonarr.update_deadline"),
        ({"services": {"plex": {"tag": "latest"}}}, "does not allow the tag latest"),
        ({"services": {"ntfy": {"update_tags": "v2"}}}, "whole tag"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, own: Any, words: str) -> None:
    told = problems(tmp_path, own)
    assert len(told) == 1 and words in told[0], told
    assert "; fix: " in told[0]


def test_a_window_may_go_over_midnight(tmp_path: Path) -> None:
    assert problems(tmp_path, {"updates": {"window": "23:30-00:30"}}) == []


def test_another_tag_brings_its_own_pattern(tmp_path: Path) -> None:
    own = {"services": {"plex": {"tag": "latest", "update_tags": ""}}}
    assert built(load(tmp_path, own))["services"]["plex"]["update_tags"] == "^latest$"


def test_a_policy_is_no_reason_to_recreate_a_container(tmp_path: Path) -> None:
    own = {
        "updates": {"deadline_seconds": 900, "window": "01:00-02:00"},
        "services": {"sonarr": {"update_deadline": 90}},
    }
    before, after = built(load(tmp_path))["services"], built(load(tmp_path, own))["services"]
    assert {name: one["config_hash"] for name, one in before.items()} == {
        name: one["config_hash"] for name, one in after.items()
    }
