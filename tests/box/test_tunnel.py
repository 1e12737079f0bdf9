"""The sandbox's tunnel: Gluetun's stand-in in a deployed box, against the box's own provider.

What left the box is read from the tap of the box's internet, never from the box. Each claim that
nothing arrives stands beside a packet of the same kind that does.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standin_house import docker

from checks import box
from checks.box import Host
from sandbox import internet, names

pytestmark = pytest.mark.box

GLUETUN, DEPENDENT = "gluetun", "qbittorrent"
EXIT, PUBLIC, NAME_SERVER = "203.0.113.7", "203.0.113.80", "203.0.113.53"
OUTER_SINK = "198.51.100.254"
KEY_FILE = "/etc/mediastack/secrets/gluetun/control_api_key"
CONTROL_FILE = "/srv/mediastack/config/gluetun/.standin.json"
QUICK = {"renew_seconds": 1, "retry_seconds": 1, "small_check_seconds": 1, "check_patience": 0.05}
# One packet of each kind, from whatever namespace it is run in; what fails is not sent.
SENDER = f"""
import contextlib, socket
def send(kind, family, protocol, address, content):
    with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as out:
        out.settimeout(0.2)
        out.connect(address)
        out.send(content)
udp, tcp, raw = socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_RAW
query = bytes.fromhex("123401000001000000000000") + b"\\6canary\\7example\\0\\0\\1\\0\\1"
send(udp, socket.AF_INET, 0, ("{PUBLIC}", 9000), b"x")
send(tcp, socket.AF_INET, 0, ("{PUBLIC}", 9001), b"x")
send(udp, socket.AF_INET, 0, ("{NAME_SERVER}", 53), query)
send(udp, socket.AF_INET6, 0, ("2001:db8:f::80", 9000), b"x")
send(raw, socket.AF_INET, 1, ("{PUBLIC}", 0), bytes.fromhex("0800f7fd00010001"))
"""
KINDS = {("udp", PUBLIC), ("tcp", PUBLIC), ("udp", NAME_SERVER), ("icmp", PUBLIC)}


def until(what: str, condition: Callable[[], bool], seconds: float = 30) -> float:
    """Wait for the condition; the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - started


def api(host: Host, method: str, path: str, body: str = "") -> Any:
    """Ask Gluetun's control server, as a host program would."""
    address = box.run(
        host, "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' gluetun"
    ).strip()
    program = (
        "import sys, urllib.request as u\n"
        f"key = open({KEY_FILE!r}).read().strip()\n"
        f"q = u.Request('http://{address}:8000{path}', method={method!r}, "
        f"data={body.encode()!r} or None, headers={{'X-API-Key': key}})\n"
        "print(u.urlopen(q, timeout=20).read().decode())\n"
    )
    return json.loads(box.run(host, "python3 -", stdin=program))


def leaks(host: Host) -> list[dict[str, Any]]:
    """What arrived from the box and was not the tunnel's."""
    answer = internet.control(host.name, "packets")
    assert answer["lost"] == 0
    return [one for one in answer["packets"] if not one["wireguard"]]


def well(host: Host) -> bool:
    return box.succeeds(host, "docker exec gluetun /gluetun-entrypoint healthcheck 2>/dev/null")


def forwarded(host: Host) -> int:
    return int(api(host, "GET", "/v1/portforward")["port"])


@pytest.fixture
def tunnel(host: Host) -> Iterator[Host]:
    """The deployed box, its Gluetun quick to notice; as it was afterwards."""
    box.run(host, f"cat >{CONTROL_FILE}", stdin=json.dumps(QUICK))
    internet.control(host.name, "tunnel", "on")
    # A provider that was made anew knows no session: the client notices after some 15 seconds.
    fetch = f"docker exec gluetun wget -q -T 2 -O /dev/null http://{PUBLIC}/ip 2>/dev/null"
    until("the tunnel is up", lambda: well(host) and box.succeeds(host, fetch), 60)
    yield host
    internet.control(host.name, "tunnel", "on")
    internet.control(host.name, "port", "41234")
    api(host, "PUT", "/v1/vpn/status", '{"status":"running"}')
    until("the tunnel is up again", lambda: well(host) and forwarded(host) == 41234)
    box.run(host, f"rm -f {CONTROL_FILE}")


def in_gluetun(host: Host) -> None:
    box.run(host, "docker exec -i gluetun python3 -", stdin=SENDER)


def test_a_dependent_leaves_through_the_tunnel_and_nothing_goes_beside_it(tunnel: Host) -> None:
    internet.control(tunnel.name, "clear")
    fetch = f"docker exec {DEPENDENT} curl -sS -m 5 http://{PUBLIC}/ip"
    assert box.run(tunnel, fetch).strip() == EXIT
    in_gluetun(tunnel)
    arrived = {
        (one["protocol"], one["destination"])
        for one in internet.control(tunnel.name, "arrivals")["arrivals"]
        if one["source"] == EXIT
    }
    assert arrived >= KINDS
    assert leaks(tunnel) == []
    assert internet.control(tunnel.name, "packets")["tunnel"]["packets"] > 0
    assert any(internet.control(tunnel.name, "peers")["peers"].values()), "no handshake"


def test_names_are_asked_through_the_tunnel(tunnel: Host) -> None:
    internet.control(tunnel.name, "clear")
    box.run(tunnel, f"docker exec {DEPENDENT} getent hosts canary-in-tunnel.example")
    asked = internet.control(tunnel.name, "names")["names"]
    sources = {one["source"] for one in asked if one["name"] == "canary-in-tunnel.example"}
    assert sources == {EXIT}
    assert box.run(tunnel, f"docker exec {DEPENDENT} getent hosts ntfy").startswith("172.")


def test_without_the_tunnel_nothing_leaves_and_with_it_the_namespace_is_the_same(
    tunnel: Host,
) -> None:
    namespace = "docker exec gluetun readlink /proc/1/ns/net"
    before = box.run(tunnel, namespace)
    assert api(tunnel, "PUT", "/v1/vpn/status", '{"status":"stopped"}') == {"outcome": "stopped"}
    assert not box.succeeds(tunnel, "docker exec gluetun test -e /sys/class/net/tun0")
    assert api(tunnel, "GET", "/v1/publicip/ip")["public_ip"] == ""
    internet.control(tunnel.name, "clear")
    in_gluetun(tunnel)
    assert leaks(tunnel) == []
    # The control: from the box itself, the same program reaches the internet.
    box.run(tunnel, "python3 -", stdin=SENDER)
    assert {(one["protocol"], one["destination"]) for one in leaks(tunnel)} >= {
        *KINDS, ("udp", "2001:db8:f::80"),
    }  # fmt: skip
    again = api(tunnel, "PUT", "/v1/vpn/status", '{"status":"running"}')
    assert again == {"outcome": "running"}
    until("the exit address is back", lambda: _exit(tunnel) == EXIT)
    assert box.run(tunnel, namespace) == before


def _exit(host: Host) -> str:
    return str(api(host, "GET", "/v1/publicip/ip")["public_ip"])


def test_the_forwarded_port_follows_the_provider_and_only_it_is_open(tunnel: Host) -> None:
    status_file = "docker exec gluetun sh -c 'cat ${VPN_PORT_FORWARDING_STATUS_FILE:-%s}'"
    status_file %= "/tmp/gluetun/forwarded_port"
    internet.control(tunnel.name, "port", "50123")
    until("the new port is there", lambda: forwarded(tunnel) == 50123)
    assert box.run(tunnel, status_file) == "50123"
    open_ports = box.run(tunnel, "docker exec gluetun iptables -S INPUT | grep tun0")
    assert open_ports.count("--dport 50123") == open_ports.count("--dport") == 2
    listener = "docker exec -d gluetun busybox nc -l -p 50123"
    box.run(tunnel, listener)
    until(
        "a peer gets in", lambda: bool(internet.control(tunnel.name, "dial", "50123")["answered"])
    )
    assert not internet.control(tunnel.name, "dial", "50124")["answered"]
    internet.control(tunnel.name, "port", "0")
    until("no port is left", lambda: forwarded(tunnel) == 0)
    assert box.run(tunnel, status_file) == ""


def test_a_silent_provider_makes_gluetun_unhealthy_and_it_heals_by_itself(tunnel: Host) -> None:
    started = "docker inspect -f '{{.State.StartedAt}} {{.Id}}' gluetun"
    before = box.run(tunnel, started)
    internet.control(tunnel.name, "tunnel", "off")
    until("it notices", lambda: not well(tunnel))
    internet.control(tunnel.name, "tunnel", "on")
    until("it heals", lambda: well(tunnel))
    until("the port is back", lambda: forwarded(tunnel) == 41234)
    assert box.run(tunnel, started) == before


def trial(references: dict[str, str], tmp_path: Path, **environment: str) -> str:
    """What `openvpnconfig` says, and how it ends, without any network or capability."""
    key = tmp_path / "key"
    if not key.exists():
        key.write_bytes(base64.b64encode(os.urandom(32)))
        key.chmod(0o400)
    words = ["--volume", f"{key}:/run/secrets/wireguard_private_key:ro", "--cap-drop=ALL"]
    settings = {"VPN_TYPE": "wireguard", "VPN_SERVICE_PROVIDER": "protonvpn", **environment}
    for name, value in settings.items():
        words += ["--env", f"{name}={value}"]
    container = docker("create", "--network=none", *words, references[GLUETUN], "openvpnconfig")
    try:
        docker("start", "--attach", container, check=False)
        code = docker("inspect", "--format", "{{.State.ExitCode}}", container)
        return f"{code} {docker('logs', container, check=False)}"
    finally:
        docker("rm", "--force", container)


def test_a_trial_needs_no_network_and_says_what_is_wrong(
    references: dict[str, str], tmp_path: Path
) -> None:
    assert trial(references, tmp_path, SERVER_COUNTRIES="netherlands").startswith("0 ")
    refused = trial(references, tmp_path, SERVER_COUNTRIES="Atlantis")
    assert refused.startswith("1 ")
    assert "ERROR validating settings: " in refused
    assert "the country specified is not valid" in refused


def test_both_families_are_closed_before_the_program_starts(references: dict[str, str]) -> None:
    shown = docker(
        "run", "--rm", "--network=none", "--cap-add=NET_ADMIN", "--entrypoint=/bin/sh",
        references[GLUETUN], "-c",
        "sed 's/^exec python3.*/iptables -S; ip6tables -S/' /gluetun-entrypoint | sh",
    )  # fmt: skip
    assert sorted(shown.splitlines()) == sorted(
        2 * [f"-P {chain} DROP" for chain in ("INPUT", "FORWARD", "OUTPUT")]
    )


def test_the_box_s_routes_survive_a_reboot_and_its_internet_has_no_way_out(host: Host) -> None:
    gateway = names.internet_address(host.box.address)
    box.reboot(host)
    for family, wanted in (("-4", gateway), ("-6", names.internet_address_ipv6(host.box.address))):
        (default,) = box.run(host, f"ip {family} route show default").splitlines()
        assert f"via {wanted} " in default
    container = names.internet_container(host.name)
    route = docker("exec", container, "ip", "route", "get", OUTER_SINK)
    assert "dev public" in route
    for family in ("-4", "-6"):
        routes = docker("exec", container, "ip", family, "route", "show", "default")
        assert "dev public" in routes
        assert "eth0" not in routes
