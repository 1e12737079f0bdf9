"""The managed tree: whole, in order, owned, and with nothing of the user's ever removed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from settings_house import load

import docker_configuration
import layout
from settings import Settings, enabled

Entry = dict[str, Any]
# What every Debian and Ubuntu has.
GIVEN = {
    *("/etc", "/etc/systemd/system", "/etc/tmpfiles.d", "/usr/local/sbin", "/var/lib", "/opt"),
    *("/run", "/"),
}
OTHER: dict[str, Any] = {
    "storage": {
        "data": "/mnt/pool/media",
        "config": "/mnt/pool/apps/config",
        "backups": "/mnt/other/backups",
    },
    "host": {"puid": 2000, "pgid": 2001},
}


def build(settings: Settings, **more: Any) -> tuple[list[Entry], dict[str, Any]]:
    seen = {"host_name": "box", "bind_address": "192.168.1.10", "daemon": {}, "data_is_mount": True}
    return layout.build(settings, **{**seen, **more})


@pytest.fixture(params=["defaults", "elsewhere"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    return load(tmp_path, OTHER if request.param == "elsewhere" else None)


def test_no_path_is_there_twice(settings: Settings) -> None:
    paths = [one["path"] for one in build(settings)[0]]
    assert len(paths) == len(set(paths))


def test_every_path_comes_after_its_directory(settings: Settings) -> None:
    there = set(GIVEN)
    for one in build(settings)[0]:
        assert str(Path(one["path"]).parent) in there, one["path"]
        if one["kind"] == "directory":
            there.add(one["path"])


def test_every_entry_is_whole(settings: Settings) -> None:
    for one in build(settings)[0]:
        assert {"path", "kind", "mode", "uid", "gid", "keep"} <= one.keys()
        assert re.fullmatch(r"0[0-7]{3}", one["mode"])
        assert one["path"] == str(Path(one["path"]))
        if one["kind"] == "file":
            content = base64.b64decode(one["content"])
            assert hashlib.sha256(content).hexdigest() == one["sha256"]
            assert one.get("text", "").encode() in (content, b"")


def test_nothing_but_data_is_writable_by_others_than_its_owner(settings: Settings) -> None:
    for one in build(settings)[0]:
        if one["kind"] != "link":
            allowed = 0o775 if one["path"].startswith(settings.storage.data) else 0o755
            assert int(one["mode"], 8) & ~allowed == 0, one["path"]


def test_the_users_data_and_the_apps_state_are_never_removed(settings: Settings) -> None:
    storage = settings.storage
    theirs = (storage.data, storage.config, storage.backups, "/etc/mediastack/secrets")
    theirs += ("/var/lib/mediastack", "/etc/docker", "/etc/bash_completion.d")
    for one in build(settings)[0]:
        inside = any(f"{one['path']}/".startswith(f"{place}/") for place in theirs)
        above = any(f"{place}/".startswith(f"{one['path']}/") for place in theirs)
        ours = one["path"] in (
            *("/etc/docker/daemon.json", "/etc/bash_completion.d/stack-manage", "/etc/mediastack"),
        )
        if (inside or above) and not ours:
            assert one["keep"], one["path"]


def test_a_program_file_is_removed_when_it_leaves(settings: Settings) -> None:
    for one in build(settings)[0]:
        if one["path"].startswith(("/opt/mediastack", "/etc/systemd/system")):
            assert not one["keep"], one["path"]


def test_directories_on_the_way_are_the_users(settings: Settings) -> None:
    entries, config = build(settings)
    found = {one["path"] for one in entries if one.get("as_found")}
    storage = settings.storage
    places = (storage.data, storage.config, storage.backups)
    assert found == {str(up) for place in places for up in Path(place).parents} - {"/"}
    assert not found & {one["path"] for one in config["files"]}  # nothing to check about them


def test_data_is_one_tree_owned_by_the_account(settings: Settings) -> None:
    root = settings.storage.data
    inside = [one for one in build(settings)[0] if f"{one['path']}/".startswith(f"{root}/")]
    names = {one["path"].removeprefix(root).strip("/") for one in inside}
    assert {"", "torrents/movies", "usenet/complete/tv", "media/music", "torrents/cross-seed"} < (
        names
    )
    for one in inside:
        if one["kind"] == "directory":
            assert (one["uid"], one["gid"]) == (settings.host.puid, settings.host.pgid)
            assert one["mode"] == "0775"


def test_the_sentinel_cannot_be_written_by_the_apps(settings: Settings) -> None:
    path = f"{settings.storage.data}/.mediastack-sentinel"
    (one,) = [one for one in build(settings)[0] if one["path"] == path]
    assert (one["mode"], one["uid"], one["kind"]) == ("0444", 0, "file")


def test_each_service_with_state_has_a_directory_of_its_own(settings: Settings) -> None:
    entries = {one["path"]: one for one in build(settings)[0]}
    for service in enabled(settings).values():
        path = f"{settings.storage.config}/{service.name}"
        assert (path in entries) == bool(service.config_path)
        if service.config_path:
            assert int(entries[path]["mode"], 8) & 0o027 == 0
    puid = settings.host.puid
    owners = {name: entries[f"{settings.storage.config}/{name}"]["uid"] for name in OWNERS}
    assert owners == {name: puid if uid is None else uid for name, uid in OWNERS.items()}


# None: the account of the settings.
OWNERS = {"sonarr": None, "cross-seed": None, "seerr": 1000, "wud": 0, "gluetun": 0, "ntfy": None}


def test_the_configuration_is_what_the_file_says(settings: Settings) -> None:
    entries, config = build(settings)
    (toml,) = [one for one in entries if one["path"] == "/etc/mediastack/mediastack.toml"]
    assert tomllib.loads(toml["text"]) == json.loads(json.dumps(config))


def test_the_list_of_files_has_hashes_and_no_content(settings: Settings) -> None:
    entries, config = build(settings)
    made = {one["path"]: one for one in entries}
    assert len(config["files"]) > 50
    for one in config["files"]:
        target = {"target"} if one["kind"] == "link" else set()
        assert set(one) == {"path", "kind", "mode", "uid", "gid", "sha256"} | target
        assert one["sha256"] == made[one["path"]].get("sha256", "")


def test_programs_and_units_carry_the_release(settings: Settings) -> None:
    entries, config = build(settings)
    units = [one for one in entries if one["path"].startswith("/etc/systemd/system/")]
    assert units
    assert not any(re.search("@[A-Z_]+@", one["text"]) for one in units)
    keeper = next(one for one in units if one["path"].endswith("keeper.service"))
    assert f"Environment=MEDIASTACK_RELEASE={config['release']}\n" in keeper["text"]


def test_every_unit_of_the_table_is_placed_and_every_placed_unit_is_known(
    settings: Settings,
) -> None:
    entries, config = build(settings)
    placed = {Path(one["path"]).name for one in entries if "/etc/systemd/" in one["path"]}
    table = {one["name"] for one in config["units"]}
    assert table <= placed
    assert placed - table <= set(layout.configuration.HELPER_UNITS)
    assert all(one["name"].endswith(one["kind"]) for one in config["units"])


def test_the_whole_host_package_is_shipped(settings: Settings) -> None:
    entries, _ = build(settings)
    shipped = {one["path"] for one in entries if one["path"].startswith("/opt/mediastack/lib/")}
    for source in (layout.FILES / "mediastack").rglob("*.py"):
        assert f"/opt/mediastack/lib/{source.relative_to(layout.FILES)}" in shipped


def test_executables_are_executable_and_the_command_is_on_the_path(settings: Settings) -> None:
    entries = {one["path"]: one for one in build(settings)[0]}
    for name in ("mediastack", "stack-manage.sh"):
        assert entries[f"/opt/mediastack/bin/{name}"]["mode"] == "0755"
    link = entries["/usr/local/sbin/stack-manage.sh"]
    assert (link["kind"], link["target"]) == ("link", "/opt/mediastack/bin/stack-manage.sh")


def test_a_service_that_is_off_leaves_no_trace_in_the_tree(tmp_path: Path) -> None:
    own = {"services": {"ntfy": {"enabled": False}}, "notify": {"server": "https://ntfy.sh"}}
    entries, config = build(load(tmp_path, own))
    assert "ntfy" not in config["services"]
    assert not [one for one in entries if "/ntfy" in one["path"]]
    assert all(one["service"] != "ntfy" for one in config["secrets"])


def test_a_stack_without_services_has_no_compose_file(tmp_path: Path) -> None:
    off = ("plex", "tautulli", "seerr", "maintainerr", "suggestarr")
    own = {"services": {name: {"enabled": False} for name in off}}
    entries, config = build(load(tmp_path, own))
    assert not [one for one in entries if "/stacks/media" in one["path"]]
    assert config["stacks"]["media"] == {"services": []}


def test_dockers_configuration_keeps_what_is_not_ours_and_settles(settings: Settings) -> None:
    existing = {"dns": ["192.168.1.1"], "live-restore": False, "log-opts": {"max-size": "1k"}}
    once = docker_configuration.daemon_json(settings, existing)
    made = json.loads(once)
    assert made["dns"] == ["192.168.1.1"]
    assert made["live-restore"] is True
    assert made["log-opts"] == {"max-size": "10m", "max-file": "3"}
    assert docker_configuration.daemon_json(settings, made) == once


def test_insecure_registries_are_written_when_set(tmp_path: Path) -> None:
    own = {"docker": {"insecure_registries": ["registry.lan:5000"]}}
    made = json.loads(docker_configuration.daemon_json(load(tmp_path, own), {}))
    assert made["insecure-registries"] == ["registry.lan:5000"]


def test_gluetuns_environment_follows_the_settings(tmp_path: Path) -> None:
    own = {
        "vpn": {
            "countries": ["Netherlands", "Sweden"],
            "port_forwarding": False,
            "outbound_subnets": ["192.168.1.0/24"],
            "addresses": "10.2.0.2/32",
        }
    }
    lines = layout.gluetun_environment(load(tmp_path, own)).splitlines()
    values = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert values["VPN_SERVICE_PROVIDER"] == "protonvpn"
    assert values["SERVER_COUNTRIES"] == "Netherlands,Sweden"
    assert values["VPN_PORT_FORWARDING"] == "off"
    assert values["FIREWALL_OUTBOUND_SUBNETS"] == "192.168.1.0/24"
    assert values["WIREGUARD_ADDRESSES"] == "10.2.0.2/32"
    assert not [name for name in values if "KEY" in name and "FILEPATH" not in name]


def test_empty_filters_are_left_to_gluetun(tmp_path: Path) -> None:
    text = layout.gluetun_environment(load(tmp_path))
    assert "\nSERVER_" not in text
    assert "WIREGUARD_ADDRESSES" not in text
    assert "VPN_PORT_FORWARDING=on" in text


def test_the_mount_that_was_seen_is_remembered(settings: Settings) -> None:
    for seen in (True, False):
        entries, _ = build(settings, data_is_mount=seen)
        (one,) = [one for one in entries if one["path"] == "/var/lib/mediastack/data.json"]
        assert json.loads(one["text"]) == {"is_mount": seen}


def test_the_same_input_gives_the_same_tree(settings: Settings) -> None:
    assert build(settings) == build(settings)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        # As printed by systemd-escape --path --suffix=mount.
        ("/data", "data.mount"),
        ("/mnt/media", "mnt-media.mount"),
        ("/mnt/my-disk", r"mnt-my\x2ddisk.mount"),
        ("/srv/a b_c.d", r"srv-a\x20b_c.d.mount"),
    ],
)
def test_the_keeper_comes_after_the_attempt_to_mount_the_disk(
    settings: Settings, path: str, unit: str
) -> None:
    assert layout.mount_unit(path) == unit
    storage = settings.storage.model_copy(update={"data": path})
    there = settings.model_copy(update={"storage": storage})
    keeper = next(
        entry
        for entry in layout.programs(layout.unit_placeholders(there, "0.1.0+test", []))
        if entry["path"].endswith("/mediastack-keeper.service")
    )
    assert f"\nAfter={unit}\n" in keeper["text"]


def test_the_apps_that_have_something_to_say_know_the_door_and_show_a_token(
    tmp_path: Path,
) -> None:
    settings = load(tmp_path, {"updates": {"port": 8200}})
    unpackerr = layout.template_text(settings, "unpackerr", "unpackerr/webhook_url")
    assert unpackerr == (
        "http://unpackerr:@@SECRET unpackerr/hook_token urlquote@@@172.30.0.1:8200"
        "/hooks/notify/unpackerr"
    )
    cross_seed = layout.template_text(settings, "cross-seed", "cross-seed/config.js")
    assert (
        '"http://172.30.0.1:8200/hooks/notify/cross-seed'
        '?token=@@SECRET cross-seed/hook_token urlquote@@"'
    ) in cross_seed
