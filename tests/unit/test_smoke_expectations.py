"""Every smoke check passes on a healthy host, and fails on a fault of its own kind."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.smoke import (
    expect_containers,
    expect_files,
    expect_host,
    expect_networks,
    expect_secrets,
)
from tests.smoke.expected import Expected
from tests.unit import smoke_house
from tests.unit.smoke_house import found

Observed = dict[str, Any]
MODULES = (expect_files, expect_secrets, expect_host, expect_containers, expect_networks)
SENTINEL = "/data/.mediastack-sentinel"
COMPOSE = "/opt/mediastack/stacks/downloads/compose.yaml"
LINK = "/usr/local/sbin/stack-manage.sh"
SECRET = "/etc/mediastack/secrets/gluetun/wireguard_private_key"
SEED = "/srv/mediastack/config/sonarr/config.xml"
KEEPER = "mediastack-keeper.service"
TIMER = "mediastack-doctor.timer"
OVERRIDE = "/opt/mediastack/stacks/downloads/images.yaml"


class Fault(NamedTuple):
    """A check, its subject, how to break the observed host, and a word of the complaint."""

    check: Callable[..., Any]
    subject: tuple[str, ...]
    plant: Callable[[Observed], Any]
    word: str


def setting(value: Any, *keys: str) -> Callable[[Observed], None]:
    """Plants a value at a path of keys."""

    def plant(observed: Observed) -> None:
        place = observed
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return plant


def of(name: str, value: Any, *keys: str) -> Callable[[Observed], None]:
    """Plants a value in what Docker says of a container."""
    return lambda observed: setting(value, *keys)(found(observed, name))


def of_process(name: str, key: str, value: Any) -> Callable[[Observed], None]:
    """Plants a value in what the kernel says of a container."""
    return setting(value, "processes", f"id-{name}", key)


def without(name: str) -> Callable[[Observed], None]:
    """Removes a container."""
    return lambda observed: observed["containers"].remove(found(observed, name))


def stranger(**changes: Any) -> Callable[[Observed], None]:
    """Adds a container of nobody we know."""
    one = {
        "Id": "id-stranger",
        "Name": "/stranger",
        "Config": {"Labels": {}},
        "State": {"Running": True},
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": {"Networks": {"bridge": {}}, "Ports": {}},
        "Mounts": [],
    }
    return lambda observed: observed["containers"].append({**one, **changes})


def labelled(name: str) -> Callable[[Observed], None]:
    """Adds a container that carries our label for this service."""
    return stranger(Config={"Labels": {"io.mediastack.service": name}})


def port(key: str, outside: str = "192.0.2.1") -> dict[str, Any]:
    """A published port as Docker says it."""
    return {key: [{"HostIp": outside, "HostPort": "9999"}]}


def listener(address: str, number: int) -> Callable[[Observed], None]:
    """Adds a socket of Docker's proxy."""
    entry = {"address": address, "port": number, "program": "docker-proxy"}
    return lambda observed: observed["listeners"].append(entry)


def together(*plants: Callable[[Observed], Any]) -> Callable[[Observed], None]:
    """Plants all of them."""

    def plant(observed: Observed) -> None:
        for one in plants:
            one(observed)

    return plant


F, S, H, C, N = MODULES
FAULTS = (
    Fault(F.managed_path, (COMPOSE,), setting(None, "files", COMPOSE), "absent"),
    Fault(F.managed_path, (COMPOSE,), setting("x", "files", COMPOSE, "sha256"), "changed"),
    Fault(F.managed_path, (COMPOSE,), setting("0666", "files", COMPOSE, "mode"), "mode 0666"),
    Fault(F.managed_path, (COMPOSE,), setting(1000, "files", COMPOSE, "uid"), "1000:0"),
    Fault(F.managed_path, (COMPOSE,), setting(7, "files", COMPOSE, "gid"), "0:7"),
    Fault(F.managed_path, (COMPOSE,), setting("directory", "files", COMPOSE, "kind"), "directory"),
    Fault(F.managed_path, (LINK,), setting("/tmp/x", "files", LINK, "target"), "/tmp/x"),
    Fault(F.managed_path, ("/data/media",), setting(None, "files", "/data/media"), "absent"),
    Fault(F.environment, (), setting(None, "files", "/opt/mediastack/venv"), "None"),
    Fault(F.environment, (), setting(False, "environment_complete"), "not complete"),
    Fault(
        F.left_behind,
        (),
        together(
            lambda o: o["left"].append("/opt/mediastack/old"),
            setting({"keep": False}, "record", "/opt/mediastack/old"),
        ),
        "no longer wanted",
    ),
    Fault(F.left_behind, (), setting(None, "record"), "record"),
    Fault(F.overrides, ("downloads",), setting("", "overrides", OVERRIDE), "image lock"),
    Fault(F.overrides, ("downloads",), setting("{", "overrides", OVERRIDE), "image lock"),
    Fault(S.declared, (SECRET,), lambda o: o["secrets"].pop(SECRET), "absent"),
    Fault(S.declared, (SECRET,), setting("0644", "secrets", SECRET, "mode"), "mode 0644"),
    Fault(S.declared, (SECRET,), setting(33, "secrets", SECRET, "uid"), "belongs to 33"),
    Fault(S.declared, (SECRET,), setting(0, "secrets", SECRET, "size"), "empty"),
    Fault(S.declared, (SECRET,), setting("link", "secrets", SECRET, "kind"), "no file"),
    Fault(S.seeded, (SEED,), setting(None, "seeds", SEED), "absent"),
    Fault(
        S.seeded,
        (SEED,),
        together(
            setting("0644", "seeds", SEED, "mode"),
            setting("0755", "files", "/srv/mediastack/config/sonarr", "mode"),
        ),
        "open to every",
    ),
    Fault(S.seeded, (SEED,), setting(0, "seeds", SEED, "uid"), "uid 0"),
    Fault(
        S.private, (), setting({"kind": "file", "mode": "0604"}, "secrets", "/x"), "open to others"
    ),
    Fault(S.not_shown, (), setting(["a/b in docker inspect"], "shown_secrets"), "a/b"),
    Fault(H.package, ("docker.io",), setting("config-files", "packages", "docker.io"), "config"),
    Fault(H.package, ("docker.io",), lambda o: o["packages"].clear(), "not installed"),
    Fault(H.account, (), setting("", "user"), "no user"),
    Fault(H.account, (), setting("", "group"), "no group"),
    Fault(H.unit, (KEEPER,), lambda o: o["units"].clear(), "unknown"),
    Fault(H.unit, (KEEPER,), setting("masked", "units", KEEPER, "LoadState"), "unmask"),
    Fault(H.unit, (KEEPER,), setting("not-found", "units", KEEPER, "LoadState"), "not-found"),
    Fault(H.unit, (KEEPER,), setting("disabled", "units", KEEPER, "UnitFileState"), "disabled"),
    Fault(H.unit, (KEEPER,), setting("failed", "units", KEEPER, "ActiveState"), "failed"),
    Fault(H.unit, (KEEPER,), setting("yes", "units", KEEPER, "NeedDaemonReload"), "reload"),
    Fault(H.unit, (KEEPER,), setting("0.0.1", "units", KEEPER, "release"), "0.0.1"),
    Fault(H.unit, (TIMER,), setting("", "units", TIMER, "NextElapseUSecRealtime"), "never fire"),
    Fault(
        H.helpers,
        (),
        setting("masked", "units", "mediastack-doctor.service", "LoadState"),
        "masked",
    ),
    Fault(H.docker_configuration, (), setting(None, "docker"), "does not answer"),
    Fault(H.docker_configuration, (), setting(False, "docker", "LiveRestoreEnabled"), "live"),
    Fault(H.docker_configuration, (), setting("syslog", "docker", "LoggingDriver"), "syslog"),
    Fault(H.docker_configuration, (), setting({}, "docker", "RegistryConfig"), "registry.lan"),
    Fault(H.data, (), setting(False, "data", "answers"), "does not answer"),
    Fault(H.data, (), setting(True, "data_record", "is_mount"), "is not mounted"),
    Fault(H.data, (), setting(None, "data_record"), "unlike at the deploy"),
    Fault(H.data, (), setting(False, "data", "sentinel"), SENTINEL),
    Fault(H.data, (), setting(["/data/media"], "data", "inside"), "another file system"),
    Fault(H.hardlinks, (), setting("cross-device", "data", "hardlink"), "cross-device"),
    Fault(H.release, (), setting("mediastack 0.0.1\n", "version"), "0.0.1"),
    Fault(H.release, (), setting("", "version"), "nothing"),
    Fault(C.runs, ("sonarr",), without("sonarr"), "no container"),
    Fault(C.runs, ("sonarr",), of("sonarr", "/x", "Name"), "sonarr is x"),
    Fault(C.runs, ("sonarr",), labelled("sonarr"), "stranger"),
    Fault(C.runs, ("sonarr",), of("sonarr", "exited", "State", "Status"), "exited"),
    Fault(C.runs, ("sonarr",), of("sonarr", "unhealthy", "State", "Health", "Status"), "unhealthy"),
    Fault(C.runs, ("sonarr",), of("sonarr", {}, "State", "Health"), "none"),
    Fault(
        C.runs,
        ("recyclarr",),  # the catalog names no check for it, its image might
        setting({"Healthcheck": {"Test": ["CMD", "true"]}}, "images", "image-recyclarr", "Config"),
        "none",
    ),
    Fault(
        C.described,
        ("sonarr",),
        of("sonarr", "0123", "Config", "Labels", "io.mediastack.config"),
        "0123",
    ),
    Fault(C.described, ("sonarr",), of_process("sonarr", "other_mounts", ["/data"]), "/data"),
    Fault(C.mounts, ("sonarr",), lambda o: found(o, "sonarr")["Mounts"].pop(), "does not mount"),
    Fault(C.mounts, ("plex",), lambda o: found(o, "plex")["Mounts"][1].update(RW=True), "writable"),
    Fault(C.image, ("sonarr",), lambda o: o["lock"]["services"].pop("sonarr"), "not in the image"),
    Fault(C.image, ("sonarr",), setting(None, "lock"), "not in the image"),
    Fault(
        C.image,
        ("sonarr",),
        setting("ghcr.io/linuxserver/sonarr:3.0.0", "lock", "services", "sonarr", "image"),
        "outside",
    ),
    Fault(
        C.image,
        ("sonarr",),
        setting("sha256:" + "b" * 64, "lock", "services", "sonarr", "digest"),
        "instead of",
    ),
    Fault(C.image, ("gluetun",), of("gluetun", "image-sonarr", "Image"), "instead of"),
    Fault(
        C.restart_policy,
        ("sonarr",),
        of("sonarr", "always", "HostConfig", "RestartPolicy", "Name"),
        "always",
    ),
    Fault(
        C.restart_policy, ("ntfy",), of("ntfy", "no", "HostConfig", "RestartPolicy", "Name"), "no"
    ),
    Fault(C.powers, ("ntfy",), of_process("ntfy", "capabilities", 1 << 21), "SYS_ADMIN"),
    Fault(C.powers, ("gluetun",), of_process("gluetun", "capabilities", 0), "lacks"),
    Fault(C.powers, ("wud",), of_process("wud", "capabilities", (1 << 41) - 1), "SYS_MODULE"),
    Fault(C.powers, ("ntfy",), of_process("ntfy", "no_new_privileges", False), "may gain"),
    Fault(C.powers, ("ntfy",), of("ntfy", True, "HostConfig", "Privileged"), "privileged"),
    Fault(C.user, ("ntfy",), of_process("ntfy", "uid", 0), "0:1000"),
    Fault(C.logs, ("ntfy",), of("ntfy", {}, "HostConfig", "LogConfig", "Config"), "without limit"),
    Fault(C.absent, ("lidarr",), labelled("lidarr"), "switched off"),
    Fault(C.stays_stopped, (), setting({"by": "anna"}, "intent", "ntfy"), "stopped by anna"),
    Fault(C.no_strangers, (), labelled("left-over"), "left-over"),
    Fault(
        C.docker_socket,
        (),
        lambda o: found(o, "wud")["Mounts"].append({"Source": "/run/docker.sock"}),
        "root on this host",
    ),
    Fault(
        C.docker_socket,
        (),
        lambda o: found(o, "plex")["Mounts"].append({"Source": "/var/run"}),
        "root on this host",
    ),
    Fault(N.bridge, (), lambda o: o["networks"].clear(), "absent"),
    Fault(
        N.bridge, (), lambda o: o["networks"][0]["IPAM"].update(Config=[{"Subnet": "10.0.0.0/8"}]),
        "10.0.0.0/8",
    ),
    Fault(N.bridge, (), lambda o: o["networks"][0].update(Internal=True), "no ordinary"),
    Fault(N.zone, ("sonarr",), of_process("sonarr", "netns", 77), "dead namespace"),
    Fault(N.zone, ("sonarr",), without("gluetun"), "owner"),
    Fault(N.zone, ("sonarr",), of("sonarr", "bridge", "HostConfig", "NetworkMode"), "bridge"),
    Fault(N.zone, ("plex",), of_process("plex", "netns", 77), "host's network"),
    Fault(N.zone, ("plex",), of("plex", "bridge", "HostConfig", "NetworkMode"), "host's network"),
    Fault(
        N.zone, ("seerr",), of("seerr", {"other": {}}, "NetworkSettings", "Networks"), "is on other"
    ),
    Fault(
        N.zone,
        ("seerr",),
        of(
            "seerr",
            "172.30.0.99",
            *("NetworkSettings", "Networks", "homelab_media_network", "IPAddress"),
        ),
        "172.30.0.99",
    ),
    Fault(
        N.zone,
        ("socket-proxy-heal",),
        of("socket-proxy-heal", {"x": {}}, "NetworkSettings", "Networks"),
        "is on x",
    ),
    Fault(
        N.zone,
        ("seerr",),
        of_process("plex", "netns", smoke_house.namespace_of("seerr")),
        "shares its network namespace with plex",
    ),
    Fault(
        N.published, ("seerr",), of("seerr", {}, "NetworkSettings", "Ports"), "does not publish"
    ),
    Fault(
        N.published,
        ("ntfy",),
        of("ntfy", port("22/tcp"), "HostConfig", "PortBindings"),
        "no setting",
    ),
    Fault(
        N.published,
        ("seerr",),
        of("seerr", port("5055/tcp", "0.0.0.0"), "NetworkSettings", "Ports"),
        "0.0.0.0:9999",
    ),
    Fault(N.listening, (), listener("192.0.2.1", 9999), "9999"),
    Fault(N.listening, (), listener("0.0.0.0", 8989), "0.0.0.0:8989"),
    Fault(N.listening, (), lambda o: o["listeners"].pop(), "nothing listens"),
    Fault(
        N.listening,
        (),
        together(
            listener("192.0.2.1", 9999),
            stranger(
                NetworkSettings={
                    "Networks": {"homelab_media_network": {}}, "Ports": port("80/tcp")
                }
            ),
        ),
        "9999",
    ),
    Fault(
        N.control_server,
        (),
        of("gluetun", port("8000/tcp"), "NetworkSettings", "Ports"),
        "control server",
    ),
    Fault(
        N.no_guests,
        (),
        stranger(HostConfig={"NetworkMode": "container:id-gluetun"}),
        "in gluetun's namespace",
    ),
    Fault(
        N.socket_network,
        ("read",),
        lambda o: o["networks"].remove(N.network(o, "mediastack_socket_read")),
        "absent",
    ),
    Fault(
        N.socket_network,
        ("read",),
        lambda o: N.network(o, "mediastack_socket_read").update(Internal=False),
        "outside",
    ),
    Fault(
        N.socket_network,
        ("heal",),
        lambda o: N.network(o, "mediastack_socket_heal")["Containers"].update(x={"Name": "sonarr"}),
        "sonarr can reach",
    ),
    Fault(
        N.web_interface,
        ("sonarr",),
        setting("refused", "urls", "http://192.0.2.1:8989"),
        "refused",
    ),
    *(
        Fault(check, ("sonarr",), of("sonarr", False, "State", "Running"), "does not run")
        for check in (
            C.described, C.mounts, C.image, C.restart_policy, C.powers, C.user, C.logs, N.zone,
            N.published,
        )
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Expected, Observed]:
    """What should be, and a host that is so."""
    return smoke_house.build(tmp_path_factory.mktemp("house"))


def checks() -> list[Callable[..., Any]]:
    """Every check of every module."""
    return [
        function
        for module in MODULES
        for _name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and list(inspect.signature(function).parameters)[:2] == ["expected", "observed"]
        and function not in (C.stopped_by, N.on_bridge, N.is_among_us)
    ]


def subjects(expected: Expected, check: Callable[..., Any]) -> list[tuple[str, ...]]:
    """All that a check can be asked about."""
    special: dict[Callable[..., Any], Any] = {
        F.managed_path: expected.files,
        F.overrides: expected.config["stacks"],
        S.declared: expected.secrets,
        S.seeded: expected.seeds,
        H.package: expected.packages,
        H.unit: expected.units,
        C.absent: [n for n, one in expected.settings.services.items() if not one.enabled],
        N.socket_network: ["read", "heal"],
        N.web_interface: expected.urls,
    }
    if check in special:
        return [(one,) for one in special[check]]
    takes_subject = len(inspect.signature(check).parameters) == 3
    return [(name,) for name in expected.services] if takes_subject else [()]


@pytest.mark.parametrize("check", checks(), ids=lambda one: one.__name__)
def test_a_healthy_host_has_nothing_to_complain_about(house, check):
    expected, observed = house
    asked = subjects(expected, check)
    assert asked
    for subject in asked:
        assert list(check(expected, observed, *subject)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.check.__name__}-{one.word}")
def test_a_planted_fault_is_found_and_named(house, fault):
    expected, healthy = house
    observed = copy.deepcopy(healthy)
    fault.plant(observed)
    problems = list(fault.check(expected, observed, *fault.subject))
    assert problems
    assert fault.word in "\n".join(problems)


def test_every_check_is_made_to_fail_by_a_fault():
    assert set(checks()) == {fault.check for fault in FAULTS}


def test_a_foreign_container_may_publish_what_it_likes(house):
    expected, healthy = house
    observed = copy.deepcopy(healthy)
    listener("192.0.2.1", 9999)(observed)
    stranger(NetworkSettings={"Networks": {"bridge": {}}, "Ports": port("80/tcp")})(observed)
    assert list(N.listening(expected, observed)) == []


def test_what_the_user_stopped_takes_its_ports_and_dependents_along(house):
    expected, healthy = house
    observed = copy.deepcopy(healthy)
    observed["intent"] = {"gluetun": {"by": "cli"}, "seerr": {"by": "cli"}}
    gone = {8080, 9696, 8989, 7878, 6767, 5055}
    observed["listeners"] = [one for one in observed["listeners"] if one["port"] not in gone]
    without("gluetun")(observed)
    assert list(N.listening(expected, observed)) == []
    assert list(N.control_server(expected, observed)) == []
    assert C.stopped_by(expected, observed, "sonarr") == "cli"
    assert C.stopped_by(expected, observed, "ntfy") == ""


def test_a_stopped_stack_has_no_socket_networks(house):
    expected, healthy = house
    observed = copy.deepcopy(healthy)
    observed["networks"] = []
    clients = ("socket-proxy-heal", "autoheal")
    observed["intent"] = {name: {"by": "cli"} for name in clients}
    assert list(N.socket_network(expected, observed, "heal")) == []
    assert list(N.socket_network(expected, observed, "read"))


def test_a_packet_filter_may_publish_without_a_listener(house):
    expected, healthy = house
    observed = {**copy.deepcopy(healthy), "listeners": []}
    assert list(N.listening(expected, observed))
    filtered = dataclasses.replace(expected, userland_proxy=False)
    assert list(N.listening(filtered, observed)) == []
