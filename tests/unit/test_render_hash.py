"""The label that tells whether a running container is the one described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_house import BIND, EVERYTHING, digest, rendered, variant
from settings_house import load

import layout
from catalog import SERVICES
from service import DataMount, Health
from settings import Settings


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(tmp_path_factory.mktemp("house"), EVERYTHING)


CHANGES: list[dict[str, Any]] = [
    {"image": "docker.io/library/other"},
    {"tag": "other"},
    {"port": 4711},
    {"host_port": 4711},
    {"publish": False},
    {"address": 99},
    {"identity": "user"},
    {"capabilities": ("SYS_TIME",)},
    {"capabilities": None},
    {"devices": ("/dev/dri:/dev/dri",)},
    {"read_only": True},
    {"tmpfs": ("/run",)},
    {"init": False},
    {"environment": {"LOG_LEVEL": "debug"}},
    {"command": ("serve",)},
    {"config_path": "/elsewhere"},
    {"data": (DataMount(path="/data/media"),)},
    {"health": None},
    {"health": Health(test=("CMD", "true"))},
    {"health": Health(test=SERVICES["seerr"].health.test, interval=31)},  # type: ignore[union-attr]
    {"stop_grace": 31},
    {"memory": 513},
    {"pids": 513},
    {"stack": "ops"},
]


@pytest.mark.parametrize("change", CHANGES, ids=[str(change)[:50] for change in CHANGES])
def test_the_hash_changes_with_what_the_container_is(
    house: Settings, change: dict[str, Any]
) -> None:
    seerr = house.services["seerr"]
    assert all(getattr(seerr, field) != value for field, value in change.items())
    assert digest(variant(house, "seerr", **change), "seerr") != digest(house, "seerr")


@pytest.mark.parametrize(
    "change",
    [
        {"summary": "Another word for it"},
        {"databases": ("other.db",)},
        {"state_exclude": ("other",)},
        {"unverified": "a note"},
    ],
    ids=str,
)
def test_the_hash_stays_with_what_a_container_never_sees(
    house: Settings, change: dict[str, Any]
) -> None:
    assert digest(variant(house, "seerr", **change), "seerr") == digest(house, "seerr")


def test_the_hash_of_one_service_does_not_depend_on_another(house: Settings) -> None:
    changed = variant(house, "seerr", memory=513)
    names = set(SERVICES) - {"seerr"}
    assert {n: digest(changed, n) for n in names} == {n: digest(house, n) for n in names}


def test_the_hash_changes_with_the_environment_file_for_its_reader_alone(house: Settings) -> None:
    one, other = ({n: digest(house, n, text) for n in SERVICES} for text in ("A=1\n", "A=2\n"))
    assert [name for name in SERVICES if one[name] != other[name]] == ["gluetun"]


def test_the_hash_changes_with_a_vpn_setting(tmp_path: Path) -> None:
    seen = []
    for countries in (["Netherlands"], ["Sweden"]):
        settings = load(tmp_path, {"vpn": {"countries": countries}})
        _, config = layout.build(
            settings, host_name="box", bind_address=BIND, daemon={}, data_is_mount=True
        )
        seen.append({name: one["config_hash"] for name, one in config["services"].items()})
    assert [name for name in seen[0] if seen[0][name] != seen[1][name]] == ["gluetun"]


def test_the_hash_in_the_file_is_the_one_the_host_programs_compare(house: Settings) -> None:
    _, config = layout.build(
        house, host_name="box", bind_address=BIND, daemon={}, data_is_mount=True
    )
    entries = {name: one["config_hash"] for name, one in config["services"].items()}
    text = layout.gluetun_environment(house)
    for stack, compose in rendered(house, text).items():
        for name, block in yaml.safe_load(compose)["services"].items():
            assert block["labels"]["io.mediastack.config"] == entries[name], stack
