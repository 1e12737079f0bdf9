"""doctor_doors: guests, open proxies, flushed rules, closed ways are named."""

from __future__ import annotations

from typing import Any

import doctor_house as house
import pytest

from mediastack import doctor_doors, probes

LABEL = "io.mediastack.service"


def one(name: str, mode: str = "bridge", networks: tuple[str, ...] = (), **more: Any) -> Any:
    labels = {LABEL: name} if name in house.SERVICES else {}
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Config": {"Labels": labels},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": dict.fromkeys(networks), "Ports": more.pop("ports", {})},
        "Mounts": more.pop("mounts", []),
    }


def config() -> dict[str, Any]:
    found = house.config()
    entry = {**found["services"]["seerr"], "url": "", "stack": "ops"}
    found["services"]["socket-proxy-heal"] = entry
    return found


def facts() -> dict[str, Any]:
    found = house.facts()
    found["doors"] = {
        "everybody": [one("gluetun"), one("seerr"), one("guest", "bridge")],
        "urls": {"http://192.168.1.10:5055": 200},
        "proxies": {"socket-proxy-heal": dict(probes.PROXY_ANSWERS["heal"])},
        "rules": "-A FORWARD -j DOCKER-USER\n-A PREROUTING -m x -j DOCKER\n"
        "-A POSTROUTING -s 172.30.0.0/24 ! -o br -j MASQUERADE",
        "tunnel": {"devices": ["lo", "tun0"], "settings": {"Session\\Interface": "tun0"}},
        "forwarding": {"port": 45678, "listening": [8080, 45678]},
        "reach": {"plex": ""},
        "links": {"qbittorrent": ""},
        "lock": "",
    }
    return found


def judged(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (finding.check, finding.subject, finding.problem)
        for check in doctor_doors.CHECKS
        for finding in check(config(), found)
        if not finding.ok
    }


def test_a_clean_house_passes() -> None:
    assert judged(facts()) == set()


@pytest.mark.parametrize(
    ("guest", "problem"),
    [
        (one("guest", "container:id-gluetun"), "is in a network namespace of ours"),
        (one("guest", networks=("mediastack_socket_read",)), "can reach a Docker socket proxy"),
        (
            one("guest", networks=("homelab_media_network",), ports={"80/tcp": [{}]}),
            "publishes a port from our network",
        ),
        (
            one("seerr", mounts=[{"Source": "/var/run/docker.sock"}]),
            "holds Docker's socket, so it is root on this host",
        ),
    ],
)
def test_a_guest_is_named(guest: Any, problem: str) -> None:
    found = facts()
    found["doors"]["everybody"] = [one("gluetun"), guest]
    assert judged(found) == {("guest", guest["Name"].lstrip("/"), problem)}


def test_a_guest_on_our_network_that_publishes_nothing_is_welcome() -> None:
    found = facts()
    found["doors"]["everybody"].append(one("other", networks=("homelab_media_network",)))
    assert judged(found) == set()


@pytest.mark.parametrize(
    ("key", "value", "check", "subject"),
    [
        ("urls", {"http://192.168.1.10:5055": "timed out"}, "web-interface", "seerr"),
        ("proxies", {}, "socket-proxy", "socket-proxy-heal"),
        ("rules", "-A FORWARD -j DOCKER-USER\n-A PREROUTING -j DOCKER", "packet-filter",
         "masquerading"),
        ("reach", {"plex": "timed out"}, "host-service", "plex"),
        ("links", {"qbittorrent": "Cross-device"}, "hardlink", "qbittorrent"),
        ("lock", "pid 7", "lock", "stack.lock"),
        ("forwarding", {"port": 0, "listening": [8080]}, "forwarded-port", "qbittorrent"),
        ("forwarding", {"port": 45678, "listening": [6881]}, "forwarded-port", "qbittorrent"),
        ("tunnel", {"devices": ["lo"], "settings": {"a": "tun0"}}, "bound", "qbittorrent"),
        ("tunnel", {"devices": ["tun0"], "settings": {"a": "eth0"}}, "bound", "qbittorrent"),
        ("tunnel", {"devices": ["tun0"], "settings": {}}, "bound", "qbittorrent"),
    ],
)  # fmt: skip
def test_a_closed_way_or_an_open_door_is_named(
    key: str, value: Any, check: str, subject: str
) -> None:
    found = facts()
    found["doors"][key] = value
    ((seen, who, problem),) = judged(found)
    assert (seen, who) == (check, subject)
    assert problem


def test_a_proxy_that_lets_too_much_through_is_named_with_the_request() -> None:
    found = facts()
    found["doors"]["proxies"]["socket-proxy-heal"]["POST /containers/create"] = 400
    ((_, _, problem),) = judged(found)
    assert "POST /containers/create" in problem


def test_what_was_stopped_on_purpose_is_not_asked() -> None:
    found = facts()
    found["observation"]["intents"] = {"gluetun": {"by": "cli"}, "seerr": {"by": "cli"}}
    found["doors"]["urls"] = {"http://192.168.1.10:5055": "refused"}
    found["doors"]["reach"] = {"plex": "no container"}
    found["doors"]["tunnel"] = {"devices": [], "settings": {}}
    found["doors"]["forwarding"] = {"port": 0, "listening": []}
    assert judged(found) == set()


def test_without_docker_nothing_is_said() -> None:
    found = facts() | {"doors": {}, "observation": None}
    assert {check for check, _, _ in judged(found)} == set()
