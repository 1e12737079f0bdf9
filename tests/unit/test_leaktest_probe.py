"""The probing child: what it reads of its namespace, what it asks, and where it sends from."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediastack import leaktest, leaktest_probe

NAMESPACES = os.geteuid() == 0 and sys.platform == "linux"


class Page(http.server.BaseHTTPRequestHandler):
    body = b"203.0.113.7\n"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)


@pytest.fixture
def page() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ip"
    server.shutdown()
    thread.join()
    server.server_close()


def asking(url: str, **more: Any) -> dict[str, Any]:
    port = int(url.rpartition(":")[2].partition("/")[0])
    targets = [{"kind": "tcp", "family": 4, "address": "127.0.0.1", "port": port}]
    common = {"tunnel": "", "resolvers": [], "names_at": [], "name": "example.com"}
    return {**common, "pages": {"4": url}, "targets": targets, **more}


def test_a_page_says_under_which_address_one_is_seen(page: str) -> None:
    assert leaktest_probe.page(page, 4, []) == "203.0.113.7"


@pytest.mark.parametrize("body", [b"<html>no address</html>", b"", b"203.0.113.7; rm -rf"])
def test_a_page_that_says_no_address_says_nothing(
    page: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "body", body)
    with pytest.raises(ValueError):
        leaktest_probe.page(page, 4, [])


def test_a_page_of_the_other_family_is_not_asked(page: str) -> None:
    with pytest.raises(OSError, match="no IPv6 address"):
        leaktest_probe.page(page, 6, [])


def test_a_name_is_looked_up_at_the_given_resolvers_alone() -> None:
    with pytest.raises(OSError, match="cannot be looked up: no resolver"):
        leaktest_probe.page("http://localhost:1/", 4, [])


def test_the_host_is_asked_in_a_child_like_the_others(page: str) -> None:
    answer = leaktest.ask(None, asking(page))
    assert answer["pages"]["4"] == {"got": "203.0.113.7"}
    assert [one["result"] for one in answer["targets"]] == [{"got": "connected"}]
    assert [one["device"] for one in answer["targets"]] == [""], "nothing is bypassed out here"


@pytest.mark.skipif(not NAMESPACES, reason="needs root")
def test_in_another_namespace_nothing_of_this_one_is_reached(page: str) -> None:
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) as child:
        try:
            here = os.stat("/proc/self/ns/net").st_ino
            while (there := os.stat(f"/proc/{child.pid}/ns/net").st_ino) == here:
                pass
            answer = leaktest.ask({"pid": child.pid, "netns": there}, asking(page, tunnel="tun0"))
            assert answer["devices"] == ["lo"]
            assert set(answer["pages"]["4"]) == {"error"}
            assert set(answer["targets"][0]["result"]) == {"error"}
            assert leaktest.ask({"pid": child.pid, "netns": 1}, asking(page)) == {
                "error": "it was started anew meanwhile"
            }
        finally:
            child.kill()


@pytest.mark.skipif(not NAMESPACES, reason="needs root")
def test_a_try_that_is_bound_to_a_device_leaves_through_no_other(page: str) -> None:
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && ip link add beside0 type veth peer "
         "name far0 && ip link set far0 up && ip link set beside0 up && echo ready; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        try:
            assert child.stdout is not None
            if child.stdout.readline() != b"ready\n":
                pytest.skip("no virtual Ethernet here")
            inside = {"pid": child.pid, "netns": os.stat(f"/proc/{child.pid}/ns/net").st_ino}
            targets = [{"kind": "icmp", "family": 4, "address": "127.0.0.1", "port": 0}]
            answer = leaktest.ask(inside, asking(page, targets=targets, tunnel="tun0"))
            found = {one["device"]: set(one["result"]) for one in answer["targets"]}
            assert answer["devices"] == ["lo", "far0", "beside0"]
            assert found == {"": {"got"}, "far0": {"error"}, "beside0": {"error"}}
        finally:
            child.kill()


def test_a_child_that_fails_is_told_with_its_last_words() -> None:
    answer = leaktest.ask(None, {"nonsense": True})
    assert "error" in answer and "KeyError" in answer["error"]


def test_a_process_that_is_gone_is_told() -> None:
    assert leaktest.ask({"pid": 2**22 + 1, "netns": 1}, {}) == {
        "error": "No such file or directory"
    }


def test_addresses_and_routes_of_ipv6_are_read_from_the_kernel(tmp_path: Path) -> None:
    addresses, routes = tmp_path / "if_inet6", tmp_path / "ipv6_route"
    addresses.write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe800000000000000042acfffe1e000a 02 40 20 80     eth0\n"
        "20010db8000a00000000000000000010 02 40 00 80     eth0\n"
    )
    zero = "0" * 32
    routes.write_text(
        f"{zero} 00 {zero} 00 20010db8000a00000000000000000001 00000400 1 0 00000003     eth0\n"
        f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200       lo\n"
        f"20010db8000a{'0' * 20} 40 {zero} 00 {zero} 00000100 1 0 00000001     eth1\n"
    )
    assert leaktest_probe.ipv6_addresses(str(addresses)) == {"eth0": ["2001:db8:a::10"]}
    assert leaktest_probe.ipv6_default_routes(str(routes)) == ["eth0"]
    assert leaktest_probe.ipv6_addresses(str(tmp_path / "none")) == {}


def test_the_checksum_of_a_ping_is_the_kernels() -> None:
    packet = bytes([8, 0, 0, 0]) + b"abcdmediastack"
    total = leaktest_probe.checksum(packet)
    assert leaktest_probe.checksum(packet[:2] + total.to_bytes(2, "big") + packet[4:]) == 0


def test_what_is_tried_are_the_settings_and_nothing_else() -> None:
    vpn = {
        "exit_check_resolver": "203.0.113.53",
        "exit_check_resolver_ipv6": "2001:db8:f::53",
    }
    pages = {"4": "http://203.0.113.80/ip", "6": "https://[2001:db8:f::80]:8443/ip"}
    found = {(one["kind"], one["family"], one["address"], one["port"]) for one in
             leaktest.targets(vpn, pages)}  # fmt: skip
    assert found == {
        ("tcp", 4, "203.0.113.80", 80),
        ("dns", 4, "203.0.113.53", 53),
        ("icmp", 4, "203.0.113.53", 53),
        ("tcp", 6, "2001:db8:f::80", 8443),
        ("dns", 6, "2001:db8:f::53", 53),
        ("icmp", 6, "2001:db8:f::53", 53),
    }
    empty = {"exit_check_resolver": "", "exit_check_resolver_ipv6": ""}
    assert leaktest.targets(empty, {}) == []
    assert leaktest.name_of(pages) == "example.com"
    assert leaktest.name_of({"4": "https://api.example.org/"}) == "api.example.org"


def test_a_containers_resolvers_are_those_of_its_own_file() -> None:
    assert leaktest.resolvers(2**22 + 1) == []
    lines = Path("/etc/resolv.conf").read_text(encoding="utf-8").splitlines()
    wanted = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    assert leaktest.resolvers(os.getpid()) == wanted
