"""The user's secrets: where they come from, what is refused, and that none is ever shown."""

from __future__ import annotations

import base64
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from settings_house import KEY, load, problems, write

import host_configuration
import render
import settings
from catalog import SERVICES

VARIABLE = "MEDIASTACK_GLUETUN_WIREGUARD_PRIVATE_KEY"
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
CANARY = "canary5e7c"
MINE = {
    "image": "docker.io/library/nginx",
    "tag": "1.29",
    "stack": "media",
    "zone": "bridge",
    "address": 90,
    "secrets": [{"name": "token", "origin": "user", "mounted": True}],
}


def private_key(house: settings.Settings) -> str:
    return house.secrets["gluetun/wireguard_private_key"].get_secret_value()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    assert private_key(load(tmp_path, **{VARIABLE: OTHER + "\n"})) == OTHER


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert private_key(load(tmp_path, **{VARIABLE: " "})) == KEY


def test_without_a_file_the_environment_is_enough(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    secrets_file.unlink()
    house = settings.load(settings_file, secrets_file, environment={VARIABLE: KEY})
    assert private_key(house) == KEY


def test_a_missing_key_says_what_to_get_where_and_where_to_put_it(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    secrets_file.unlink()
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(settings_file, secrets_file, environment={})
    (found,) = caught.value.problems
    assert found.startswith("secrets.toml: gluetun.wireguard_private_key: is missing")
    for part in (
        *("account.proton.me", "Downloads", "WireGuard", "NAT-PMP", "Moderate NAT off", "P2P"),
        *("PrivateKey = ", "[gluetun]", 'wireguard_private_key = "', "chmod 600", VARIABLE),
    ):
        assert part in found


def test_the_way_to_a_key_is_the_providers_own(tmp_path: Path) -> None:
    own = {"vpn": {"provider": "mullvad", "port_forwarding": False, "addresses": "10.64.0.2/32"}}
    (found,) = problems(tmp_path, own, {})
    assert "mullvad.net" in found


def test_no_key_is_asked_for_without_the_tunnel(tmp_path: Path) -> None:
    tunnel = [name for name, entry in SERVICES.items() if entry.zone == "vpn" or entry.owner]
    own = {"services": {name: {"enabled": False} for name in tunnel}}
    assert load(tmp_path, own, {}).secrets == {}


AIRVPN = {"vpn": {"provider": "airvpn", "port_forwarding": False, "addresses": "10.64.0.2/32"}}


def test_airvpn_needs_a_second_key(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, AIRVPN)
    assert found.startswith("secrets.toml: gluetun.wireguard_preshared_key: is missing")
    assert "PresharedKey = " in found and "secrets.toml (chmod 600)" in found
    keys = {"wireguard_private_key": KEY, "wireguard_preshared_key": OTHER}
    assert load(tmp_path, AIRVPN, {"gluetun": keys})


def test_other_providers_do_without_a_second_key(tmp_path: Path) -> None:
    assert load(tmp_path, {})


def test_a_second_key_is_mounted_where_gluetun_looks_and_only_when_it_is_given(
    tmp_path: Path,
) -> None:
    keys = {"wireguard_private_key": KEY, "wireguard_preshared_key": OTHER}
    house = load(tmp_path, AIRVPN, {"gluetun": keys})
    targets = [one["target"] for one in render.volumes(house, house.services["gluetun"])]
    assert "/run/secrets/wireguard_preshared_key" in targets
    house = load(tmp_path, {})
    targets = [one["target"] for one in render.volumes(house, house.services["gluetun"])]
    assert "/run/secrets/wireguard_private_key" in targets
    assert "/run/secrets/wireguard_preshared_key" not in targets
    named = [one["name"] for one in host_configuration.secret_entries(house)]
    assert "wireguard_preshared_key" not in named


def test_a_second_key_for_a_provider_that_has_none_is_refused(tmp_path: Path) -> None:
    keys = {"wireguard_private_key": KEY, "wireguard_preshared_key": OTHER}
    (found,) = problems(tmp_path, {}, {"gluetun": keys})
    assert found.startswith("secrets.toml: gluetun.wireguard_preshared_key: is given, but")
    assert found.endswith("fix: delete it")
    assert OTHER not in found


def test_a_malformed_second_key_is_named_as_such(tmp_path: Path) -> None:
    keys = {"wireguard_private_key": KEY, "wireguard_preshared_key": OTHER[:-4]}
    (found,) = problems(tmp_path, AIRVPN, {"gluetun": keys})
    assert found.startswith("secrets.toml: gluetun.wireguard_preshared_key: is 30 bytes")
    assert "'PresharedKey = '" in found


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (KEY[:-2], "is not base64"),
        (CANARY + "!", "is not base64"),
        (base64.b64encode(bytes(31)).decode(), "31 bytes long"),
        (base64.b64encode(bytes(48)).decode(), "access token"),
        (f"{KEY}\n{KEY}", "several lines"),
        (f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.2.0.2/32\n", "a whole WireGuard file"),
        (f"PrivateKey = {KEY}", "begins with 'PrivateKey ='"),
        (f"PublicKey={KEY}", "another key"),
        (base64.b64encode(bytes(32)).decode(), "nothing but zeros"),
        ("schlüssel", "letters that no key has"),
        (7, "must be text"),
    ],
)
def test_a_malformed_key_is_told_once_without_being_shown(
    tmp_path: Path, value: Any, told: str
) -> None:
    (found,) = problems(tmp_path, None, {"gluetun": {"wireguard_private_key": value}})
    assert found.startswith("secrets.toml: gluetun.wireguard_private_key: ")
    assert told in found
    assert str(value) not in found or value == 7


def test_a_malformed_variable_is_told_by_its_name(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, None, None, **{VARIABLE: CANARY})
    assert found.startswith(f"{VARIABLE}: ")
    assert CANARY not in found


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o700])
def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings_file, secrets_file = write(tmp_path)
    secrets_file.chmod(mode)
    with pytest.raises(settings.SettingsError, match="chmod 600 secrets.toml"):
        settings.load(settings_file, secrets_file, environment={})


def test_a_mode_of_0400_is_fine(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    secrets_file.chmod(0o400)
    assert settings.load(settings_file, secrets_file, environment={})


def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(settings.SettingsError, match=f"belongs to uid {owner}"):
        settings.load(*files, environment={})


def test_root_by_sudo_may_read_the_file_of_its_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path)
    owner = os.geteuid()
    if owner == 0:
        os.chown(files[1], 4242, -1)
        owner = 4242
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert settings.load(*files, environment={"SUDO_UID": str(owner)})
    with pytest.raises(settings.SettingsError, match=f"belongs to uid {owner}"):
        settings.load(*files, environment={"SUDO_UID": str(owner + 1)})


def test_broken_toml_is_told_by_line_alone(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, None, f"[gluetun]\nwireguard_private_key = {CANARY}\n")
    assert found.startswith("secrets.toml: is not valid TOML at line 2")
    assert CANARY not in found


def test_a_file_that_cannot_be_read_is_told_and_nothing_called_missing(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    secrets_file.unlink()
    secrets_file.mkdir()
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(settings_file, secrets_file, environment={})
    (found,) = caught.value.problems
    assert found.startswith("secrets.toml: cannot be read")


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"gluetun": {"wireguard_privatekey": CANARY}},
            "did you mean gluetun.wireguard_private_key",
        ),
        ({"gluetun": {"wireguard_private_key": KEY}, "sonarr": {"api_key": CANARY}}, "known are"),
        ({"gluetun": {"wireguard_private_key": KEY}, "plex_claim": CANARY}, "not in a table"),
        ({"gluetun": {"wireguard_private_key": KEY, KEY: CANARY}}, "(a name not shown)"),
    ],
)
def test_a_secret_nothing_reads_is_refused_without_its_value(
    tmp_path: Path, tables: dict[str, Any], told: str
) -> None:
    (found,) = problems(tmp_path, None, tables)
    assert told in found
    assert CANARY not in found
    assert KEY not in found


def test_a_token_is_for_a_server_of_the_users(tmp_path: Path) -> None:
    secrets = {"gluetun": {"wireguard_private_key": KEY}, "notify": {"token": CANARY}}
    (found,) = problems(tmp_path, None, secrets)
    assert found.startswith("secrets.toml: notify.token: ")
    assert CANARY not in found
    house = load(tmp_path, {"notify": {"server": "https://ntfy.sh"}}, secrets)
    assert house.secrets["notify/token"].get_secret_value() == CANARY


def test_a_service_of_the_users_own_may_declare_a_secret(tmp_path: Path) -> None:
    own = {"services": {"mine": MINE}}
    (found,) = problems(tmp_path, own)
    assert found.startswith("secrets.toml: mine.token: is missing")
    house = load(tmp_path, own, None, MEDIASTACK_MINE_TOKEN=CANARY)
    assert house.secrets["mine/token"].get_secret_value() == CANARY


def test_secrets_below_a_broken_service_are_not_called_unknown(tmp_path: Path) -> None:
    secrets = {"gluetun": {"wireguard_private_key": KEY}, "mine": {"token": CANARY}}
    (found,) = problems(tmp_path, {"services": {"mine": {**MINE, "tag": "a b"}}}, secrets)
    assert found.startswith("settings.local.toml: services.mine.tag")


def test_no_secret_shows_in_the_settings_or_in_an_error(tmp_path: Path) -> None:
    house = load(tmp_path)
    assert KEY not in f"{house} {house!r} {house.secrets} {house.model_dump()}"
    try:
        load(tmp_path, {"host": {"puid": 0}}, f'[gluetun]\nwireguard_private_key = "{CANARY}\n')
    except settings.SettingsError as error:
        text = "".join(traceback.format_exception(error))
        assert CANARY not in text
        assert error.__context__ is None
