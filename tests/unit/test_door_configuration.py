"""What a host has for the updater's door: units, account and table mean the same places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import load

import door_configuration as door
import host_configuration
import layout
from mediastack import doctor_door
from mediastack.door import server, settings
from settings import Settings

UNITS = "/etc/systemd/system"


def built(settings: Settings) -> tuple[dict[str, list[str]], dict[str, Any]]:
    found, config = layout.build(
        settings, host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    names = (door.SERVICE, door.SOCKET, "mediastack-inbox.path", "mediastack-inbox.service")
    texts = {one["path"]: one["text"] for one in found if one["path"].startswith(UNITS)}
    return {name: texts[f"{UNITS}/{name}"].splitlines() for name in names}, config


def test_the_door_listens_at_the_gateway_and_nowhere_else(tmp_path: Path) -> None:
    more = {"network": {"subnet": "10.20.0.0/24"}, "updates": {"port": 18195}}
    units, config = built(load(tmp_path, more))
    listens = [line for line in units[door.SOCKET] if line.startswith("Listen")]
    assert listens == ["ListenStream=10.20.0.1:18195"]
    assert door.sockets(config) == {door.SOCKET: {"listens": "10.20.0.1:18195"}}
    assert "IPAddressAllow=10.20.0.0/24 localhost" in units[door.SOCKET]


def test_units_account_and_table_mean_the_same_account_and_directory(tmp_path: Path) -> None:
    units, config = built(load(tmp_path))
    table, made = config["updates"], door.account("/var/lib/mediastack")
    assert (made["user"], made["directory"]) == (table["account"], table["inbox"])
    assert int(made["mode"], 8) == doctor_door.INBOX_MODE
    assert {f"User={table['account']}", f"BindPaths={table['inbox']}"} <= set(units[door.SERVICE])
    assert f"DirectoryNotEmpty={table['inbox']}/new" in units["mediastack-inbox.path"]
    assert (settings.account({}), settings.inbox({})) == (table["account"], table["inbox"])


def test_the_door_is_given_its_tokens_and_has_no_rights(tmp_path: Path) -> None:
    units, config = built(load(tmp_path))
    given = [line for line in units[door.SERVICE] if line.startswith("LoadCredential=")]
    assert "LoadCredential=webhook_token:/etc/mediastack/secrets/updater/webhook_token" in given
    wanted = door.credentials(config["secrets"])[door.SERVICE]
    assert given == [f"LoadCredential={name}:{path}" for name, path in sorted(wanted.items())]
    fences = {"CapabilityBoundingSet=", "NoNewPrivileges=yes", "PrivateNetwork=yes"}
    assert fences | {"ProtectSystem=strict"} <= set(units[door.SERVICE])


def test_an_application_that_is_off_has_no_token_that_could_be_missing(tmp_path: Path) -> None:
    config = built(load(tmp_path, {"services": {"seerr": {"enabled": False}}}))[1]
    given = door.credentials(config["secrets"])[door.SERVICE]
    assert "webhook_token" in given and "hook_seerr" not in given


def test_every_unit_is_wanted_and_its_programs_are_of_the_release(tmp_path: Path) -> None:
    units, config = built(load(tmp_path))
    for name, kind in door.UNITS:
        assert {"name": name, "kind": kind} in config["units"]
    assert set(door.HELPERS) <= set(host_configuration.HELPER_UNITS)
    for name in (door.SERVICE, *door.HELPERS):
        assert f"Environment=MEDIASTACK_RELEASE={config['release']}" in units[name]


@pytest.mark.parametrize("name", ["webhook_token", "hook_sonarr"])
def test_what_the_host_is_given_is_what_the_door_reads(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    caller = {"webhook_token": "wud", "hook_sonarr": "sonarr"}[name]
    assert list(settings.tokens(str(tmp_path))) == [caller]
    assert caller in ("wud", *server.sources())


def test_what_a_running_door_was_given_is_compared_with_the_originals() -> None:
    secrets = [
        {"service": "updater", "name": "a", "origin": "copy", "source": "wud/webhook_token"},
        {"service": "updater", "name": "b", "origin": "generated", "source": ""},
        {"service": "wud", "name": "webhook_token", "origin": "generated", "source": ""},
    ]
    assert door.originals(secrets) == {
        door.SERVICE: {
            "a": "/etc/mediastack/secrets/wud/webhook_token",
            "b": "/etc/mediastack/secrets/updater/b",
        }
    }
