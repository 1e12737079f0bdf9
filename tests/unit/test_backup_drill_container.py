"""The drill's container: the deployed one's powers, and nothing of the world."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mediastack.backup import drill_container
from mediastack.backup.drill_container import Places

CONFIG: dict[str, Any] = {
    "paths": {
        "config": "/srv/mediastack/config",
        "etc": "/etc/mediastack",
        "data": "/data",
        "sentinel": "/data/.mediastack-sentinel",
    },
    "services": {"sonarr": {"config": "/srv/mediastack/config/sonarr"}},
}
PLACES = Places("/scratch/drill/sonarr", "/scratch/drill/secrets", "/scratch/drill")
DESCRIBED: dict[str, Any] = {
    "image": "ghcr.io/linuxserver/sonarr:4.0.20@sha256:" + "a" * 64,
    "container_name": "sonarr",
    "labels": {"io.mediastack.service": "sonarr", "autoheal": "true", "wud.watch": "true"},
    "command": None,
    "entrypoint": None,
    "environment": {"PUID": "1000", "TZ": "UTC"},
    "network_mode": "service:gluetun",
    "depends_on": {"gluetun": {"condition": "service_healthy"}},
    "networks": None,
    "ports": [{"published": "8989", "target": 8989}],
    "dns": ["192.0.2.1"],
    "devices": [{"source": "/dev/dri", "target": "/dev/dri"}],
    "restart": "unless-stopped",
    "cap_drop": ["ALL"],
    "cap_add": ["CHOWN"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "1073741824",
    "pids_limit": 512,
    "stop_grace_period": "30s",
    "healthcheck": {
        "test": ["CMD-SHELL", "test -e /sys/class/net/tun0 && curl -sS http://127.0.0.1:8989/"],
        "interval": "30s",
        "start_period": "3m0s",
    },
    "volumes": [
        {"type": "bind", "source": "/srv/mediastack/config/sonarr", "target": "/config"},
        {"type": "bind", "source": "/data", "target": "/data"},
        {
            "type": "bind",
            "source": "/data/.mediastack-sentinel",
            "target": "/run/mediastack/.mediastack-sentinel",
            "read_only": True,
        },
        {
            "type": "bind",
            "source": "/etc/mediastack/secrets/sonarr/hook_token",
            "target": "/run/secrets/hook_token",
            "read_only": True,
        },
        {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"},
    ],
}


def made(**changes: Any) -> dict[str, Any]:
    described = {**copy.deepcopy(DESCRIBED), **changes}
    return drill_container.description(CONFIG, "sonarr", described, PLACES)


def test_it_reaches_nothing_and_nobody_takes_it_for_one_of_ours() -> None:
    found = made()
    assert found["network_mode"] == "none"
    assert found["container_name"] == "mediastack-drill-sonarr"
    assert found["labels"] == {"io.mediastack.drill": "sonarr"}
    assert found["restart"] == "no"
    assert not {"ports", "networks", "devices", "depends_on", "dns"} & found.keys()


@pytest.mark.parametrize(
    "key",
    ["image", "environment", "cap_drop", "cap_add", "security_opt", "mem_limit", "pids_limit"],
)
def test_its_image_powers_and_limits_are_the_deployed_ones(key: str) -> None:
    assert made()[key] == DESCRIBED[key]


def test_what_compose_leaves_open_stays_the_images() -> None:
    assert not {"command", "entrypoint"} & made().keys()


def test_its_state_and_secrets_are_the_restored_copies_and_nothing_else_is_mounted() -> None:
    mounts = {one["target"]: one for one in made()["volumes"]}
    assert mounts["/config"]["source"] == "/scratch/drill/sonarr"
    assert mounts["/config"]["read_only"] is False
    secret = mounts["/run/secrets/hook_token"]
    assert (secret["source"], secret["read_only"]) == (
        "/scratch/drill/secrets/sonarr/hook_token",
        True,
    )
    assert mounts["/data"]["type"] == "tmpfs" and "source" not in mounts["/data"]
    assert set(mounts) == {"/config", "/run/secrets/hook_token", "/data"}
    sources = [one["source"] for one in mounts.values() if "source" in one]
    assert all(source.startswith("/scratch/") for source in sources)


def test_a_directory_that_only_begins_like_the_secrets_is_no_secret() -> None:
    mount = {"type": "bind", "source": "/etc/mediastack/secrets-of-others", "target": "/x"}
    assert made(volumes=[mount])["volumes"] == []


def test_its_health_check_is_the_deployed_one_without_the_tunnel() -> None:
    health = made()["healthcheck"]
    assert health["test"] == ["CMD-SHELL", "curl -sS http://127.0.0.1:8989/"]
    assert (health["interval"], health["start_period"]) == ("5s", "3m0s")
    image_s_own = made(healthcheck={"start_period": "1m30s"})["healthcheck"]
    assert "test" not in image_s_own


def test_a_key_comes_as_a_file() -> None:
    found = drill_container.description(CONFIG, "sonarr", DESCRIBED, PLACES, keyed=True)
    assert found["volumes"][-1]["source"] == "/scratch/drill/header"
    assert found["volumes"][-1]["read_only"] is True
