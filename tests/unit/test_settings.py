"""Loading: files, unknown keys, everything at once, and what the rest of the product asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_house import KEY, load, problems, write

import settings
from catalog import SERVICES


def test_the_defaults_and_a_key_are_a_whole_house(tmp_path: Path) -> None:
    house = load(tmp_path)
    assert house.host.puid == 1000
    assert house.services == SERVICES
    assert house.secrets["gluetun/wireguard_private_key"].get_secret_value() == KEY


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    own = {
        "host": {"puid": 0, "colour": "red"},
        "storage": {"data": "media"},
        "services": {"sonarr": {"host_port": "8989"}, "radarr": {"tag": "new est"}},
    }
    found = problems(tmp_path, own, {"gluetun": {}})
    for path in (
        "settings.local.toml: host.puid: ",
        "settings.local.toml: host.colour: ",
        "settings.local.toml: storage.data: ",
        "settings.local.toml: services.sonarr.host_port: ",
        "settings.local.toml: services.radarr.tag: ",
        "secrets.toml: gluetun.wireguard_private_key: ",
    ):
        assert len([line for line in found if line.startswith(path)]) == 1
    assert len(found) == 6
    assert all("; fix: " in line and "\n" not in line for line in found)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (
            {"host": {"timezon": "UTC"}},
            "host.timezon: is no setting; fix: did you mean host.timezone?",
        ),
        ({"hots": {}}, "hots: is no setting; fix: did you mean hosts?"),
        ({"xyzzy": 1}, "xyzzy: is no setting; fix: delete it, or use one of: backup, disk"),
        (
            {"host": {"tz": "UTC"}},
            "host.tz: was renamed to host.timezone; fix: write host.timezone",
        ),
        ({"vpn": {"type": "openvpn"}}, "vpn.type: was removed: only WireGuard"),
        ({"host": 5}, "host: must be a table, not 5; fix: write [host]"),
        ({"services": 5}, "services: must be a table; fix: write [services.<name>]"),
    ],
)
def test_a_key_that_does_not_exist_is_refused_with_the_one_meant(
    tmp_path: Path, own: dict[str, object], told: str
) -> None:
    found = problems(tmp_path, own)
    assert len(found) == 1
    assert found[0].startswith(f"settings.local.toml: {told}")


def test_a_value_below_an_unknown_key_is_never_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, {"vpn": {"wireguard_private_key": KEY, "private_key": KEY}})
    assert len(found) == 2
    assert KEY not in "".join(found)
    assert "secrets.toml, [gluetun] wireguard_private_key" in "".join(found)


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '[host]\numask = "002"\ntimezone = Europe/Berlin\n')
    assert found.startswith("settings.local.toml: is not valid TOML at line 3")


def test_a_settings_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    settings_file.mkdir()
    with pytest.raises(settings.SettingsError, match="settings.local.toml: cannot be read"):
        settings.load(settings_file, secrets_file, environment={})


def test_a_settings_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    settings_file, secrets_file = write(tmp_path)
    settings_file.write_bytes(b'[notify]\ntopic = "caf\xe9"\n')
    with pytest.raises(settings.SettingsError, match="save it as UTF-8"):
        settings.load(settings_file, secrets_file, environment={})


def test_a_mistake_in_the_defaults_is_told_in_their_file(tmp_path: Path) -> None:
    defaults = tmp_path / "all.py"
    defaults.write_text(settings.DEFAULTS_FILE.read_text().replace('"puid": 1000,', ""))
    with pytest.raises(settings.SettingsError, match=r"all.py: host.puid: is missing; fix: add"):
        settings.load(*write(tmp_path), environment={}, defaults=defaults)


def test_the_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).host.puid = 1  # type: ignore[misc]


def test_an_image_comes_through_the_mirror_when_there_is_one(tmp_path: Path) -> None:
    direct = load(tmp_path)
    mirrored = load(tmp_path, {"registry": {"mirror": "registry.lan:5000"}})
    service = SERVICES["sonarr"]
    reference = f"ghcr.io/linuxserver/sonarr:{service.tag}"
    assert settings.image(direct, service) == reference
    assert settings.image(mirrored, service) == f"registry.lan:5000/{reference}"


def test_addresses_are_counted_within_the_subnet(tmp_path: Path) -> None:
    house = load(tmp_path, {"network": {"subnet": "10.77.0.0/16"}})
    assert settings.gateway(house) == "10.77.0.1"
    assert settings.address(house, house.services["ntfy"]) == "10.77.0.32"
    assert settings.address(house, house.services["sonarr"]) == ""


def test_a_disabled_service_stays_known_but_does_not_run(tmp_path: Path) -> None:
    house = load(tmp_path, {"services": {"dozzle": {"enabled": False}}})
    assert "dozzle" in house.services
    assert "dozzle" not in settings.enabled(house)
    assert list(settings.enabled(house)) == [
        name for name, entry in SERVICES.items() if entry.enabled and name != "dozzle"
    ]


def test_a_copy_is_dropped_with_the_service_it_comes_from(tmp_path: Path) -> None:
    own = {"services": {"radarr": {"enabled": False}, "unpackerr": {"enabled": False}}}
    house = load(tmp_path, own)
    names = [entry.name for entry in settings.live_secrets(house, house.services["bazarr"])]
    assert "sonarr_api_key" in names
    assert "radarr_api_key" not in names
