"""The VPN as a user meets it: the leak test, a setting that Gluetun refuses, a new key.

Against the sandbox's own internet, with a real tunnel. What the product's programs say is compared
with what arrives there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import house
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checks import box, runtime
from checks.box import Host
from sandbox import internet

pytestmark = pytest.mark.box

EXIT = "203.0.113.7"
KEY = "/etc/mediastack/secrets/gluetun/wireguard_private_key"
MANAGE = house.STACK_MANAGE
CONFIG = "/etc/mediastack/mediastack.toml"
WALL = "inet mediastack_wall"
# Gluetun's firewall, opened as a mistake or an intruder in its container would.
OPEN = "docker exec gluetun sh -c 'iptables -P OUTPUT ACCEPT; iptables -I OUTPUT -j ACCEPT'"
CLOSE = "docker exec gluetun sh -c 'iptables -D OUTPUT -j ACCEPT; iptables -P OUTPUT DROP'"
NAMES = {"namespace", "exit", "dns", "ipv6", "beside"}


def leaktest(host: Host, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of a leak test."""
    done = house.execute(host, f"{MANAGE} leaktest --json {' '.join(options)} 2>/dev/null")
    return done.code, json.loads(done.printed)


def verdicts(report: dict[str, Any], test: str) -> set[str]:
    return {one["verdict"] for row in report["services"] for one in row["tests"]
            if one["test"] == test}  # fmt: skip


def tunnel_is_back(host: Host) -> bool:
    """Whether a program in the zone leaves through the provider, asked beside our programs."""
    program = "import urllib.request as u; print(u.urlopen('http://203.0.113.80/ip').read())"
    enter = "nsenter --net=/proc/$(docker inspect -f '{{.State.Pid}}' gluetun)/ns/net"
    return EXIT in house.execute(host, f'{enter} timeout 5 python3 -c "{program}"').printed


@contextlib.contextmanager
def without_wall(host: Host) -> Iterator[None]:
    """The second wall away for the block, if this release has one, and its keeper with it."""
    unit = "mediastack-wall.service"
    has = box.succeeds(host, f"systemctl cat {unit}")
    if has:
        box.run(host, f"systemctl stop {unit}; nft delete table {WALL} 2>/dev/null || true")
    try:
        yield
    finally:
        if has:
            box.run(host, f"systemctl start {unit}")


@pytest.fixture(autouse=True)
def _whole(host: Host) -> None:
    # The tests before may have restarted Gluetun, and its zone is only just coming back.
    runtime.wait_until_well(host, 120)
    assert house.wait_for(lambda: tunnel_is_back(host), 60)


def test_every_service_of_the_zone_is_safe_and_each_verdict_is_a_test(host: Host) -> None:
    code, report = leaktest(host)
    assert (code, report["verdict"]) == (0, "safe"), report
    assert report["gluetun"]["public_ip"] == EXIT
    assert report["host"]["exit"] == host.box.address
    assert len(report["services"]) == 9
    for row in report["services"]:
        assert {one["test"] for one in row["tests"]} == NAMES
    shown = house.manage(host, "leaktest")
    assert shown.code == 0
    assert f"Gluetun leaves as {EXIT}, this host as {host.box.address}" in shown.printed
    assert shown.printed.strip().splitlines()[-1].startswith("safe: nothing gets out")


def test_an_opened_firewall_without_a_second_wall_is_a_leak_and_with_one_is_none(
    host: Host,
) -> None:
    walled = box.succeeds(host, f"nft list table {WALL}")
    box.run(host, OPEN)
    try:
        if walled:
            code, report = leaktest(host)
            assert (code, report["verdict"]) == (0, "safe"), report
        with without_wall(host):
            code, report = leaktest(host)
    finally:
        box.run(host, CLOSE)
    assert (code, report["verdict"]) == (1, "LEAK"), report
    assert verdicts(report, "beside") == {"LEAK"}
    assert house.manage(host, "leaktest").code == 0


def test_a_drill_proves_the_silence_and_gives_the_tunnel_back(host: Host) -> None:
    before = house.ids(host)["gluetun"]
    code, report = leaktest(host, "--drill")
    assert (code, report["drill"]["verdict"]) == (0, "safe"), report
    assert report["drill"]["back_seconds"] < 60
    assert house.ids(host)["gluetun"] == before
    assert tunnel_is_back(host)
    entry = json.loads(box.run(host, "tail -n 1 /var/lib/mediastack/ledger.jsonl"))
    history = json.loads(house.manage(host, "history", "-n", "20", "--json").printed)
    assert entry and any(
        (one["actor"], one["outcome"]) == ("leaktest", "drill: safe") for one in history
    )


def test_a_drill_that_is_killed_gives_the_tunnel_back_too(host: Host) -> None:
    box.run(host, f"({MANAGE} leaktest --drill >/dev/null 2>&1 & echo $! >/run/drill.pid)")
    note = "/run/mediastack/leaktest-drill.json"
    assert house.wait_for(lambda: box.succeeds(host, f"test -e {note}"), 60)
    box.run(host, "kill -9 $(cat /run/drill.pid)")
    assert house.wait_for(lambda: not box.succeeds(host, f"test -e {note}"), 90)
    assert tunnel_is_back(host)


def test_a_country_that_gluetun_does_not_know_costs_no_tunnel(host: Host, tmp_path: Path) -> None:
    before = house.ids(host)
    with house.with_settings(house.settings_file(tmp_path, '[vpn]\ncountries = ["Netherland"]')):
        done = box.deploy(host, check=False, as_json=False)
        again = box.deploy(host, check=False, as_json=False)
    for outcome in (done, again):
        assert outcome.code != 0
        assert "vpn.countries: Gluetun refuses it: " in outcome.output
        assert "did you mean Netherlands?" in outcome.output
    assert house.ids(host) == before
    assert house.state(host, "gluetun") == "healthy"
    for words in (["downloads", "restart", "gluetun"], ["downloads", "up"]):
        refused = house.manage(host, *words)
        assert refused.code == 1
        assert "vpn.countries" in refused.printed
    assert house.ids(host) == before
    # Its zone is looked after all the same.
    box.run(host, "docker kill sonarr")
    assert house.wait_for(lambda: house.state(host, "sonarr") == "healthy", 90)
    assert "vpn.countries" in house.manage(host, "doctor").printed
    box.deploy(host)
    assert house.ids(host)["gluetun"] == before["gluetun"]
    assert "vpn.countries" not in house.manage(host, "doctor").printed
    left = box.run(host, "docker ps -aq --filter label=io.mediastack.trial; ls /run/mediastack")
    assert "vpn-trial-" not in left


def test_a_country_that_it_knows_is_taken(host: Host, tmp_path: Path) -> None:
    before = house.ids(host)["gluetun"]
    with house.with_settings(house.settings_file(tmp_path, '[vpn]\ncountries = ["Germany"]')):
        box.deploy(host)
    assert house.ids(host)["gluetun"] != before
    box.deploy(host)
    assert house.state(host, "gluetun") == "healthy"


def new_key() -> tuple[str, str]:
    """A private key and its public one."""
    private = X25519PrivateKey.from_private_bytes(os.urandom(32))
    halves = private.private_bytes_raw(), private.public_key().public_bytes_raw()
    return base64.b64encode(halves[0]).decode(), base64.b64encode(halves[1]).decode()


def test_a_new_key_is_one_verb_and_a_deploy_does_not_take_it_back(host: Host) -> None:
    old = box.run(host, f"cat {KEY}")
    private, public = new_key()
    internet.control(host.name, "peer", public)
    owner = box.run(host, f"stat -c '%u:%g %a' {KEY}")
    before = house.ids(host)["gluetun"]
    printed = box.run(host, f"{MANAGE} rotate wireguard 2>&1", stdin=f"{private}\n", timeout=300)
    try:
        assert "healthy with its new key" in printed
        assert private not in printed
        assert box.run(host, f"cat {KEY}") == private
        assert box.run(host, f"stat -c '%u:%g %a' {KEY}") == owner
        assert house.ids(host)["gluetun"] != before
        assert tunnel_is_back(host)
        refused = box.deploy(host, check=False, as_json=False)
        assert refused.code != 0
        assert "was replaced on this host" in refused.output
        assert old not in refused.output
        assert box.run(host, f"cat {KEY}") == private
    finally:
        box.run(host, f"{MANAGE} rotate wireguard", stdin=old, timeout=300)
    assert box.run(host, f"cat {KEY}") == old
    assert box.deploy(host).code == 0


def test_a_key_that_the_provider_does_not_know_is_taken_back(host: Host) -> None:
    old = box.run(host, f"cat {KEY}")
    command = f"{MANAGE} rotate wireguard 2>&1; echo exit=$?"
    # Of the user's patience a wrong key takes two minutes at most; a test has less.
    box.run(host, f"sed -i.kept 's/^health_wait_seconds = .*/health_wait_seconds = 30/' {CONFIG}")
    try:
        printed = box.run(host, command, stdin=new_key()[0], timeout=600)
    finally:
        box.run(host, f"mv {CONFIG}.kept {CONFIG}")
    assert "exit=1" in printed
    assert "the old one is back, and gluetun is healthy with it" in printed
    assert box.run(host, f"cat {KEY}") == old
    assert tunnel_is_back(host)
