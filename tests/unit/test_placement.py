"""Several hosts in one settings file: what runs where, whose values and whose secrets."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from settings_house import KEY, write

import host_settings
import settings
from settings import SettingsError, enabled

ROOT = Path(__file__).resolve().parents[2]
SPLIT = {
    "hosts": {
        "192.0.2.1": {"stacks": ["downloads"], "notify": {"server": "https://ntfy.example.org"}},
        "192.0.2.2": {"stacks": ["media", "ops"], "storage": {"data": "/tank"}},
    }
}


def load(folder: Path, host: str, own: dict[str, Any] | None = None) -> settings.Settings:
    """The settings of one host of a house with two."""
    token = {"gluetun": {"wireguard_private_key": KEY}, "notify": {"token": "tk_of_the_first"}}
    files = write(folder, SPLIT if own is None else own, token)
    return settings.load(*files, host=host, environment={})


def check(folder: Path, own: dict[str, Any], *names: str) -> list[str]:
    """What the inventory says about these hosts and settings."""
    settings_file, secrets_file = write(folder, own)
    data = {"settings_file": str(settings_file), "secrets_file": str(secrets_file)}
    try:
        host_settings.check([(name, {**data, "settings_host": name}) for name in names])
    except SystemExit as error:
        return str(error.code).splitlines()
    return []


def test_a_host_runs_its_stacks_and_no_other(tmp_path: Path) -> None:
    first, second = load(tmp_path, "192.0.2.1"), load(tmp_path, "192.0.2.2")
    assert {one.stack for one in enabled(first).values()} == {"downloads"}
    assert {one.stack for one in enabled(second).values()} == {"media", "ops"}


def test_a_hosts_values_are_its_own(tmp_path: Path) -> None:
    first, second = load(tmp_path, "192.0.2.1"), load(tmp_path, "192.0.2.2")
    assert (first.storage.data, second.storage.data) == ("/data", "/tank")
    assert (first.notify.server, second.notify.server) == ("https://ntfy.example.org", "")


def test_a_host_gets_the_secrets_of_what_runs_on_it_alone(tmp_path: Path) -> None:
    assert set(load(tmp_path, "192.0.2.1").secrets) == {
        "gluetun/wireguard_private_key",
        "notify/token",
    }
    assert load(tmp_path, "192.0.2.2").secrets == {}


def test_a_service_a_host_switches_off_stays_on_elsewhere(tmp_path: Path) -> None:
    hosts = {
        "a": {"services": {"wud": {"enabled": False}}},
        "b": {"services": {"sonarr": {"tag": "9.9.9"}}},
    }
    a, b = (load(tmp_path, name, {"hosts": hosts, "notify": SERVER}) for name in "ab")
    assert "wud" not in enabled(a)
    assert "wud" in enabled(b)
    assert (a.services["sonarr"].tag, b.services["sonarr"].tag) != ("9.9.9", "9.9.9")
    assert b.services["sonarr"].tag == "9.9.9"


SERVER = {"server": "https://ntfy.example.org"}


def test_without_ntfy_on_the_host_the_server_must_be_named(tmp_path: Path) -> None:
    own = {"hosts": {"a": {"stacks": ["media"]}, "b": {"stacks": ["downloads", "ops"]}}}
    (found,) = check(tmp_path, own, "a", "b")
    assert "notify.server: is empty" in found


def test_a_right_split_passes(tmp_path: Path) -> None:
    assert check(tmp_path, SPLIT, "192.0.2.1", "192.0.2.2") == []


def test_without_tables_every_host_runs_everything(tmp_path: Path) -> None:
    assert check(tmp_path, {}, "a", "b") == []


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ({"nas11": {}}, "hosts.nas11: is no host of the inventory; fix: did you mean nas1?"),
        ({"nas1": {"stacks": ["medai"]}}, 'names "medai", which is no stack; fix: did you mean'),
        ({"nas1": {"stacks": "media"}}, "hosts.nas1.stacks: is"),
        ({"nas1": {"stack": ["media"]}}, "hosts.nas1.stack: is no setting; fix: did you mean"),
        ({"nas1": {"storage": "/data"}}, "hosts.nas1.storage: must be a table"),
        ({"nas1": 5}, "hosts.nas1: must be a table"),
        ({"nas1": {"host": {"puid": 0}}}, "hosts.nas1.host.puid: is 0"),
        ({"nas1": {"stacks": ["ops"]}}, "hosts.nas2.stacks: is not set, so it has the stack ops"),
        (
            {"nas1": {"stacks": ["ops"]}, "nas2": {"stacks": ["downloads"]}},
            "hosts: places the stack media nowhere",
        ),
    ],
)
def test_a_mistake_is_told_with_its_fix(tmp_path: Path, hosts: dict[str, Any], told: str) -> None:
    found = check(tmp_path, {"hosts": hosts, "notify": SERVER}, "nas1", "nas2")
    assert len([line for line in found if told in line]) == 1, found
    assert all("; fix: " in line for line in found)


def test_an_address_is_quoted_as_toml_wants_it(tmp_path: Path) -> None:
    (found,) = check(tmp_path, {"hosts": {"192.0.2.1": {"limits": 1}}}, "192.0.2.1")
    assert 'hosts."192.0.2.1".limits' in found


def test_a_host_without_a_table_is_refused_nothing_by_anothers_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "a", {"hosts": {"b": {"colour": {}}}})
    assert "hosts.b.colour" in caught.value.problems[0]


def test_the_inventory_knows_groups(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path, {})
    data = {"settings_file": str(settings_file), "secrets_file": str(secrets_file)}
    (tmp_path / "inventory.py").write_text((ROOT / "inventory.py").read_text())
    (tmp_path / "inventory.local.py").write_text(
        f"hosts = [('a', {data!r})]\nquiet = ['a', ('b', {data!r})]\n_hidden = ['c']\n"
    )
    found = runpy.run_path(str(tmp_path / "inventory.py"))
    assert [name for name, _ in found["hosts"]] == ["a", "b"]
    assert found["quiet"] == ["a", "b"]
    assert [values["settings_host"] for _, values in found["hosts"]] == ["a", "b"]
    assert all(values["settings_file"] for _, values in found["hosts"])


def test_two_hosts_may_both_name_a_stack(tmp_path: Path) -> None:
    every = ["downloads", "media", "ops"]
    hosts = {"nas1": {"stacks": every}, "nas2": {"stacks": ["downloads"]}}
    assert check(tmp_path, {"hosts": hosts, "notify": SERVER}, "nas1", "nas2") == []
