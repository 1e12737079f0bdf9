"""The catalog: what must hold for every entry, against facts written down here a second time."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import layout
from catalog import HOST_SECRETS, SERVICES
from mediastack import secret_filters
from service import Secret, Service

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates" / "services"
PLACEHOLDER = re.compile(r"@@SECRET ([a-z0-9-]+/[a-z0-9_]+)(?: ([a-z0-9]+))?@@")
EACH = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))

# What upstream's images have inside to ask with (read in their Dockerfiles). "own": the image
# brings its HEALTHCHECK; "none": there is nothing to ask.
HEALTH_TOOLS = {
    "docker.io/qmcgaw/gluetun": "own",
    "ghcr.io/linuxserver/qbittorrent": "curl",
    "ghcr.io/linuxserver/sonarr": "curl",
    "ghcr.io/linuxserver/radarr": "curl",
    "ghcr.io/linuxserver/prowlarr": "curl",
    "ghcr.io/linuxserver/lidarr": "curl",
    "ghcr.io/linuxserver/bazarr": "curl",
    "ghcr.io/linuxserver/sabnzbd": "curl",
    "ghcr.io/linuxserver/jellyfin": "curl",
    "ghcr.io/linuxserver/plex": "curl",
    "ghcr.io/cross-seed/cross-seed": "curl",
    "ghcr.io/flaresolverr/flaresolverr": "curl",
    "ghcr.io/unpackerr/unpackerr": "wget",
    "ghcr.io/recyclarr/recyclarr": "none",
    "ghcr.io/seerr-team/seerr": "wget",
    "docker.io/ciuse99/suggestarr": "wget",
    "ghcr.io/maintainerr/maintainerr": "own",
    "ghcr.io/tautulli/tautulli": "own",
    "ghcr.io/getwud/wud": "own",
    "docker.io/willfarrell/autoheal": "own",
    "docker.io/binwiederhier/ntfy": "wget",
    "ghcr.io/gethomepage/homepage": "wget",
    "docker.io/amir20/dozzle": "/dozzle",
    "ghcr.io/linuxserver/socket-proxy": "none",
}
# Ports in the container, as the programs' own documentation has them.
PORTS = {
    "gluetun": 8000,
    "qbittorrent": 8080,
    "prowlarr": 9696,
    "flaresolverr": 8191,
    "sonarr": 8989,
    "radarr": 7878,
    "bazarr": 6767,
    "cross-seed": 2468,
    "unpackerr": 5656,
    "lidarr": 8686,
    "sabnzbd": 8085,
    "plex": 32400,
    "tautulli": 8181,
    "seerr": 5055,
    "maintainerr": 6246,
    "suggestarr": 5000,
    "jellyfin": 8096,
    "wud": 3000,
    "homepage": 3000,
    "ntfy": 8090,
    "dozzle": 8080,
    "socket-proxy-read": 2375,
    "socket-proxy-heal": 2375,
}
DEPENDENTS = {
    *("qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr", "bazarr", "recyclarr"),
    *("cross-seed", "unpackerr"),
}


def tool(service: Service) -> str:
    """The program a health check calls in the container."""
    if service.health is None:
        return "none"
    if not service.health.test:
        return "own"
    kind, *words = service.health.test
    if kind == "CMD":
        return words[0]
    found = re.findall(r"\b(curl|wget)\b", words[0])
    assert len(set(found)) == 1
    return str(found[0])


@EACH
def test_a_health_check_uses_what_the_image_has(service: Service) -> None:
    assert tool(service) == HEALTH_TOOLS[service.image]


@EACH
def test_a_health_check_asks_the_services_own_port(service: Service) -> None:
    for word in service.health.test if service.health else ():
        for port in re.findall(r"//(?:localhost|127\.0\.0\.1):(\d+)", word):
            assert int(port) == service.port


def test_ports_are_those_of_the_programs() -> None:
    assert {s.name: s.port for s in SERVICES.values() if s.port} == PORTS


@EACH
def test_an_image_is_not_on_the_redirector_that_nobody_can_query(service: Service) -> None:
    assert service.image.partition("/")[0] in ("ghcr.io", "docker.io")


@EACH
def test_a_moving_tag_or_docker_default_capabilities_are_marked_unverified(
    service: Service,
) -> None:
    if service.capabilities is None:
        assert "capability" in service.unverified
    if service.tag == "latest":
        assert "tag" in service.unverified
    if service.unverified:
        assert len(service.unverified) >= len("tag")


def test_the_pins_that_are_traps() -> None:
    assert SERVICES["gluetun"].tag == "v3.41.3"  # `latest` is the development branch
    assert not SERVICES["recyclarr"].tag.startswith("v")
    assert SERVICES["cross-seed"].tag.split(".")[0] == "6"
    assert "TORRENTING_PORT" not in SERVICES["qbittorrent"].environment


def test_no_two_services_share_an_address() -> None:
    held = [s.address for s in SERVICES.values() if s.address is not None]
    assert len(held) == len(set(held))


def test_no_two_services_share_a_port_on_the_host() -> None:
    # The disabled ones as well: each can be switched on without another thought.
    held = [s.published_port for s in SERVICES.values() if s.published_port]
    assert len(held) == len(set(held))


def test_no_two_services_share_a_port_in_the_tunnels_namespace() -> None:
    inside = [s for s in SERVICES.values() if s.zone == "vpn" or s.owner]
    held = [s.port for s in inside if s.port]
    assert len(held) == len(set(held))
    assert not {53, 9999} & set(held)  # Gluetun's own


def test_the_vpn_zone_is_one_stack_with_one_owner() -> None:
    owners = [s for s in SERVICES.values() if s.owner]
    assert [(s.name, s.zone) for s in owners] == [("gluetun", "bridge")]
    inside = {s.name for s in SERVICES.values() if s.zone == "vpn" and s.enabled}
    assert inside == DEPENDENTS
    assert {s.stack for s in SERVICES.values() if s.zone == "vpn"} == {"downloads"}


def test_the_owner_starts_before_its_dependents() -> None:
    assert next(iter(SERVICES)) == "gluetun"


def test_what_is_off_by_default() -> None:
    assert {s.name for s in SERVICES.values() if not s.enabled} == {"jellyfin", "lidarr", "sabnzbd"}


def test_what_has_no_login_is_not_published() -> None:
    for name in ("maintainerr", "wud", "dozzle", "gluetun", "flaresolverr"):
        assert SERVICES[name].published_port is None


@EACH
def test_whoever_owns_state_is_named(service: Service) -> None:
    # PUID/PGID, user:, or the image's own uid. Gluetun alone is root throughout.
    if service.config_path and not service.owner:
        assert service.uid is not None or service.identity != "image"


@EACH
def test_linuxserver_images_get_what_their_start_needs(service: Service) -> None:
    starts = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL"}
    # socket-proxy is LinuxServer's too, but of another build, without their init.
    if service.image.startswith("ghcr.io/linuxserver/") and not service.socket_proxy:
        assert service.identity == "linuxserver"
        assert set(service.capabilities or ()) == starts
        assert not service.read_only
    if service.identity == "user":
        assert service.capabilities == ()


@EACH
def test_secrets_are_declared_once_and_copies_have_a_source(service: Service) -> None:
    names = [secret.name for secret in service.secrets]
    assert len(names) == len(set(names))
    for secret in service.secrets:
        check_source(secret)


def test_the_host_programs_secrets_have_a_source_too() -> None:
    assert not set(HOST_SECRETS) & set(SERVICES)
    for secrets in HOST_SECRETS.values():
        for secret in secrets:
            check_source(secret)


def check_source(secret: Secret) -> None:
    if secret.origin != "copy":
        assert not secret.source
        return
    consumer, _, name = secret.source.partition("/")
    originals = {one.name: one for one in SERVICES[consumer].secrets}
    assert originals[name].origin != "copy"


@EACH
def test_every_configuration_file_has_a_template(service: Service) -> None:
    for one in service.files:
        assert (TEMPLATES / one.template).is_file()
        assert one.target.startswith("/") != one.seed
        assert not one.seed or service.config_path


def test_every_template_is_used() -> None:
    used = {one.template for s in SERVICES.values() for one in s.files}
    there = {str(p.relative_to(TEMPLATES)) for p in TEMPLATES.rglob("*") if p.is_file()}
    assert there == used


@EACH
def test_every_placeholder_names_a_secret_that_the_service_declares(service: Service) -> None:
    declared = {f"{service.name}/{secret.name}" for secret in service.secrets}
    for one in service.files:
        text = (TEMPLATES / one.template).read_text().replace("{{ service.name }}", service.name)
        placed = PLACEHOLDER.findall(text)
        assert len(placed) == text.count("@@SECRET")
        assert {name for name, _ in placed} <= declared
        assert {wanted for _, wanted in placed} <= set(secret_filters.NAMES)


@EACH
def test_every_secret_reaches_its_service(service: Service) -> None:
    texts = "".join((TEMPLATES / one.template).read_text() for one in service.files)
    texts = texts.replace("{{ service.name }}", service.name)
    placed = {name for name, _ in PLACEHOLDER.findall(texts)}
    for secret in service.secrets:
        name = f"{service.name}/{secret.name}"
        # What an app shows at our door may be entered by hand there (docs/notifications.md).
        at_the_door = any(one.source == name for one in HOST_SECRETS["updater"])
        assert secret.mounted or name in placed or at_the_door, secret.name


@EACH
def test_state_is_described_relative_to_its_directory(service: Service) -> None:
    for path in (*service.databases, *service.state_exclude):
        assert service.config_path
        assert not path.startswith("/")
        assert ".." not in path.split("/")
    for database in service.databases:
        assert not any(database.startswith(f"{out}/") for out in service.state_exclude)


@EACH
def test_nothing_is_mounted_over_something_else(service: Service) -> None:
    targets = [service.config_path] * bool(service.config_path)
    targets += [mount.path for mount in service.data]
    for one, other in combinations(targets, 2):
        assert not f"{one}/".startswith(f"{other}/")
        assert not f"{other}/".startswith(f"{one}/")


@EACH
def test_only_the_proxies_and_their_clients_name_a_socket(service: Service) -> None:
    clients = {"wud": "read", "homepage": "read", "dozzle": "read", "autoheal": "heal"}
    kind = service.socket
    expected = clients.get(service.name)
    if service.socket_proxy:
        expected = service.name.rpartition("-")[2]
    assert kind == expected
    if kind:
        assert service.zone == "bridge"


def test_the_healing_proxy_can_restart_and_nothing_else() -> None:
    environment = SERVICES["socket-proxy-heal"].environment
    allowed = {name for name, value in environment.items() if value == "1"}
    assert allowed == {"CONTAINERS", "ALLOW_RESTARTS"}
    assert environment["POST"] == SERVICES["socket-proxy-read"].environment["POST"] == "0"


@EACH
def test_a_services_data_lies_in_directories_that_the_deploy_makes(service: Service) -> None:
    for mount in service.data:
        branch = mount.path.removeprefix("/data").strip("/")
        assert branch in ("", "torrents", "usenet", "media")
    assert layout.MEDIA_KINDS == ("books", "movies", "music", "tv")
