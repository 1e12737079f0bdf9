"""Compose files: what they say, read back as YAML, for every service of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from compose_house import BIND, EVERYTHING, Block, files, rendered, services, variant
from settings_house import KEY, load

import layout
import render
from catalog import SERVICES
from settings import Settings

SECRET_NAMES = ("PASSWORD", "TOKEN", "SECRET", "APIKEY", "API_KEY", "PRIVATE")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load(tmp_path_factory.mktemp("house"), EVERYTHING)


@pytest.fixture(scope="module")
def blocks(house: Settings) -> dict[str, Block]:
    return services(house)


EACH = pytest.mark.parametrize("name", list(SERVICES))


def test_every_service_of_the_catalog_renders_in_its_stack(house: Settings) -> None:
    found = {stack: list(file["services"]) for stack, file in files(house).items()}
    for stack, names in found.items():
        assert names == [s.name for s in SERVICES.values() if s.stack == stack]
    assert sum(map(len, found.values())) == len(SERVICES)


def test_a_disabled_service_is_in_no_file(tmp_path: Path) -> None:
    settings = load(tmp_path, {"services": {"tautulli": {"enabled": False}}})
    off = {"tautulli", "jellyfin", "lidarr", "sabnzbd"}
    assert set(services(settings)) == set(SERVICES) - off


def test_the_three_projects_have_names_of_their_own_and_share_the_bridge(house: Settings) -> None:
    for stack, file in files(house).items():
        assert file["name"] == f"mediastack-{stack}"
        assert file["networks"]["bridge"] == {"name": "homelab_media_network", "external": True}
        used = {n for one in file["services"].values() for n in one.get("networks", {})}
        assert used | {"bridge"} == set(file["networks"])
    sockets = {n: v for n, v in files(house)["ops"]["networks"].items() if n != "bridge"}
    assert sockets == {
        f"socket-{kind}": {"name": f"mediastack_socket_{kind}", "internal": True}
        for kind in ("heal", "read")
    }


@EACH
def test_a_container_is_called_and_labelled_like_its_service(
    name: str, blocks: dict[str, Block]
) -> None:
    block = blocks[name]
    assert block["container_name"] == name
    assert block["labels"]["io.mediastack.service"] == name
    assert block["labels"]["io.mediastack.stack"] == SERVICES[name].stack
    assert len(block["labels"]["io.mediastack.config"]) == 16
    assert block["labels"]["io.mediastack.config"] != render.HASH_PLACEHOLDER


@EACH
def test_no_secret_is_in_the_environment(name: str, blocks: dict[str, Block]) -> None:
    for key, value in blocks[name].get("environment", {}).items():
        assert isinstance(value, str)
        if any(word in key.upper() for word in SECRET_NAMES):
            # A path to a mounted file is no secret.
            assert value.startswith("filepath:/run/secrets/"), key


def test_no_users_secret_is_in_any_compose_file_or_other_entry(house: Settings) -> None:
    assert KEY not in "".join(rendered(house).values())
    entries, config = layout.build(
        house, host_name="box", bind_address=BIND, daemon={}, data_is_mount=True
    )
    assert KEY not in repr(entries)
    assert KEY not in repr(config)


@EACH
def test_mounted_secrets_are_the_services_own_and_read_only(
    name: str, blocks: dict[str, Block]
) -> None:
    service = SERVICES[name]
    found = {}
    for mount in blocks[name].get("volumes", []):
        if mount["source"].startswith("/etc/mediastack/secrets"):
            assert mount["read_only"] is True
            assert mount["source"].startswith(f"/etc/mediastack/secrets/{name}/")
            found[mount["target"]] = mount["source"]
    wanted = {
        f"/run/secrets/{secret.name}"
        for secret in service.secrets
        if secret.mounted and (secret.required or secret.origin != "user")
    }
    wanted |= {one.target for one in service.files if not one.seed}
    assert set(found) == wanted


@EACH
def test_whoever_has_data_has_the_sentinel(name: str, blocks: dict[str, Block]) -> None:
    mounts = {mount["source"]: mount for mount in blocks[name].get("volumes", [])}
    sentinel = mounts.pop("/data/.mediastack-sentinel", None)
    data = {source for source in mounts if source == "/data" or source.startswith("/data/")}
    assert bool(sentinel) == bool(data)
    assert data == {mount.path for mount in SERVICES[name].data}
    if sentinel:
        assert sentinel["read_only"] is True
    for mount in (*mounts.values(), *([sentinel] if sentinel else ())):
        # Else Docker would make what is missing, and a lost disk would look like an empty one.
        assert mount["bind"] == {"create_host_path": False}
        assert mount["type"] == "bind"


def test_data_elsewhere_on_the_host_is_still_data_in_the_container(tmp_path: Path) -> None:
    settings = load(tmp_path, {"storage": {"data": "/mnt/media"}})
    mounts = {m["target"]: m["source"] for m in services(settings)["qbittorrent"]["volumes"]}
    assert mounts["/data/torrents"] == "/mnt/media/torrents"
    assert mounts["/run/mediastack/.mediastack-sentinel"] == "/mnt/media/.mediastack-sentinel"
    assert services(settings)["sonarr"]["volumes"][1]["source"] == "/mnt/media"


@EACH
def test_the_docker_socket_is_in_the_proxies_only(name: str, blocks: dict[str, Block]) -> None:
    proxy = SERVICES[name].socket_proxy
    mounts = blocks[name].get("volumes", [])
    assert any("docker.sock" in mount["source"] for mount in mounts) == proxy
    networks = set(blocks[name].get("networks", {}))
    if proxy:
        assert networks == {f"socket-{SERVICES[name].socket}"}
        assert "ports" not in blocks[name]
    if "socket-heal" in networks:
        assert name in ("autoheal", "socket-proxy-heal")


@EACH
def test_capabilities_are_dropped_unless_nobody_knows(name: str, blocks: dict[str, Block]) -> None:
    service, block = SERVICES[name], blocks[name]
    if service.capabilities is None:
        assert not {"cap_drop", "cap_add"} & block.keys()
    else:
        assert block["cap_drop"] == ["ALL"]
        assert tuple(block.get("cap_add", ())) == service.capabilities
    assert block["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in block


@EACH
def test_who_a_container_runs_as(name: str, blocks: dict[str, Block]) -> None:
    identity, block = SERVICES[name].identity, blocks[name]
    assert block.get("user") == ("1000:1000" if identity == "user" else None)
    environment = block.get("environment", {})
    if identity == "linuxserver":
        assert (environment["PUID"], environment["PGID"]) == ("1000", "1000")
        assert environment["UMASK"] == "002"
    else:
        assert "PUID" not in environment


@EACH
def test_limits_and_grace_are_the_catalogs(name: str, blocks: dict[str, Block]) -> None:
    service, block = SERVICES[name], blocks[name]
    assert block["mem_limit"] == f"{service.memory}m"
    assert block["pids_limit"] == service.pids
    assert block["stop_grace_period"] == f"{service.stop_grace}s"


@EACH
def test_health_checks_are_the_catalogs(name: str, blocks: dict[str, Block]) -> None:
    health, shown = SERVICES[name].health, blocks[name].get("healthcheck")
    assert (shown is None) == (health is None)
    if health and shown:
        assert [word.replace("$$", "$") for word in shown.get("test", [])] == list(health.test)
        assert shown["start_interval"] == "2s"


def test_autoheal_touches_nothing_of_the_tunnels_group(blocks: dict[str, Block]) -> None:
    labelled = {name for name, block in blocks.items() if "autoheal" in block["labels"]}
    assert "autoheal" not in labelled
    assert labelled
    assert not labelled & {s.name for s in SERVICES.values() if s.zone == "vpn" or s.owner}
    assert all(blocks[name]["labels"]["autoheal"] == "true" for name in labelled)


def test_a_mirror_stands_before_every_image(tmp_path: Path) -> None:
    settings = load(tmp_path, {"registry": {"mirror": "registry.lan:5000"}})
    for name, block in services(settings).items():
        assert block["image"] == (f"registry.lan:5000/{SERVICES[name].image}:{SERVICES[name].tag}")


def test_a_dollar_reaches_the_container_as_one_dollar(tmp_path: Path) -> None:
    own = {"services": {"sonarr": {"environment": {"PRICE": 'five $ or "${HOME}"'}}}}
    value = services(load(tmp_path, own))["sonarr"]["environment"]["PRICE"]
    assert value == 'five $$ or "$${HOME}"'


@pytest.mark.parametrize(
    "text", ["yes", "0x10", "a: b", "# no comment", "{x", "ü", "line\nbreak", "'", "\\", "", " "]
)
def test_any_text_survives_as_a_value_of_the_environment(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path)
    changed = variant(settings, "seerr", environment={"TEXT": text})
    assert services(changed)["seerr"]["environment"]["TEXT"] == text


def test_the_same_settings_give_the_same_bytes(house: Settings) -> None:
    assert rendered(house) == rendered(house)


def test_braces_of_the_users_are_left_alone(house: Settings) -> None:
    values = render.context(house, BIND, "box")
    assert render.filled('{"a": {timezone}, {}, {nope} {0}', values) == (
        '{"a": Etc/UTC, {}, {nope} {0}'
    )


@EACH
def test_every_name_in_the_catalogs_environment_is_known(
    name: str, blocks: dict[str, Block]
) -> None:
    assert not [v for v in blocks[name].get("environment", {}).values() if "{" in v]


def test_a_summary_cannot_break_out_of_its_comment(house: Settings) -> None:
    changed = variant(house, "seerr", summary="two\n    privileged: true\r\u2028lines")
    assert "privileged" not in services(changed)["seerr"]


def test_an_undefined_name_in_a_template_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render.environment().from_string("{{ nothing }}").render()


@pytest.mark.parametrize(
    ("mirror", "insecure", "told"),
    [
        ("", [], None),
        ("registry.lan:5000", [], "https://registry.lan:5000"),
        ("registry.lan:5000", ["registry.lan:5000"], "http://registry.lan:5000"),
    ],
)
def test_the_update_watcher_is_told_where_a_mirror_is_and_only_then(
    tmp_path: Path, mirror: str, insecure: list[str], told: str | None
) -> None:
    changes = {"registry": {"mirror": mirror}, "docker": {"insecure_registries": insecure}}
    environment = services(load(tmp_path, changes))["wud"]["environment"]
    assert environment.get("WUD_REGISTRY_CUSTOM_MIRROR_URL") == told
