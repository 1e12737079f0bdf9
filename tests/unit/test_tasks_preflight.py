"""tasks/preflight.py: each rule made to fail, alone and all at once; each message has a fix."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError
from settings_house import load

from host_configuration import VERSION
from settings import Settings
from tasks import preflight

Facts = dict[str, Any]


def place(path: str, kind: str = "ext4", **more: Any) -> dict[str, Any]:
    found = {"path": path, "exists": True, "is_mount": False, "type": kind, "device": 1}
    return {**found, "free_bytes": 100 << 30, "inside": [], **more}


def good() -> Facts:
    """A fresh Debian host, fit for everything."""
    return {
        "python": [3, 11],
        "os_release": {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian 12"},
        "architecture": "x86_64",
        "host_name": "box",
        "is_root": True,
        "systemd": True,
        "time": time.time(),
        "memory_bytes": 8 << 30,
        "places": {
            "config": place("/srv/mediastack/config", exists=False),
            "data": place("/data", is_mount=True),
            "docker": place("/var/lib/docker", exists=False),
        },
        "fstab": ["/", "/data"],
        "data_record": None,
        "tun": True,
        "default_address": "192.168.1.10",
        "addresses": ["127.0.0.1", "192.168.1.10"],
        "listeners": [{"address": "0.0.0.0", "port": 22, "program": "sshd"}],
        "our_ports": [],
        "release": "",
        "daemon_json": "",
        "docker_key_error": "",
    }


def change(facts: Facts, path: str, value: Any) -> None:
    """Set facts[a][b] from "a.b"."""
    *parents, last = path.split(".")
    for parent in parents:
        facts = facts[parent]
    facts[last] = value


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path)


@pytest.fixture
def bound(tmp_path: Path) -> Callable[[str], Settings]:
    return lambda address: load(tmp_path, {"network": {"bind_address": address}})


RULES: list[tuple[str, Any, str]] = [
    ("os_release", {"ID": "arch", "PRETTY_NAME": "Arch Linux"}, "Arch Linux is not supported"),
    ("os_release", {}, "an unknown system is not supported"),
    ("os_release.VERSION_ID", "11", "is not supported; fix: use one of debian 12"),
    ("architecture", "armv7l", "the architecture armv7l is not supported"),
    ("is_root", False, "connect as root or set _sudo"),
    ("systemd", False, "systemd is not running"),
    ("time", 1_000_000_000.0, "the clock is years behind"),
    ("tun", False, "modprobe tun"),
    ("places.config.type", "nfs4", "storage.config /srv/mediastack/config is on nfs4"),
    ("places.config.type", "cifs", "SQLite databases break"),
    ("places.config.type", "exfat", "SQLite databases break"),
    ("places.data.type", "exfat", "storage.data /data is on exfat, which has no hardlinks"),
    ("places.data.inside", ["/data/media"], "has other file systems in it (/data/media)"),
    ("places.docker.free_bytes", 5 << 30, "/var/lib/docker has 5.0 GiB free"),
    ("places.data.free_bytes", 0, "/data has 0.0 GiB free, storage.minimum_free_gib asks for 10"),
    ("places.config.free_bytes", 0, "/srv/mediastack/config has 0.0 GiB free"),
    ("places.data.is_mount", False, "the disk of /data is not mounted"),
    ("default_address", "", "no LAN address found"),
    ("default_address", "10.9.9.9", "10.9.9.9 is not an address of this host"),
    (
        "listeners",
        [{"address": "0.0.0.0", "port": 8989, "program": "nginx"}],
        "port 8989 of sonarr is taken by nginx; fix: stop that, or set services.sonarr.host_port",
    ),
    ("listeners", [{"address": "::", "port": 8090, "program": ""}], "ntfy is taken by another"),
    (
        "listeners",
        [{"address": "192.168.1.10", "port": 32400, "program": "Plex Media Serv"}],
        "port 32400 of plex is taken by Plex Media Serv",
    ),
    ("daemon_json", "{not json", "daemon.json is not JSON"),
    ("docker_key_error", "https://docker.example: no way", "docker.source: Debian 12 takes"),
    ("daemon_json", "[]", "daemon.json is not a JSON object"),
    ("daemon_json", '{"userns-remap": "default"}', "sets userns-remap"),
]


def test_a_fresh_host_has_no_problem(settings: Settings) -> None:
    assert preflight.problems(settings, good()) == []


@pytest.mark.parametrize(("path", "value", "told"), RULES, ids=[rule[2][:40] for rule in RULES])
def test_each_rule_fails_alone_with_its_fix(
    settings: Settings, path: str, value: Any, told: str
) -> None:
    facts = good()
    change(facts, path, value)
    (problem,) = preflight.problems(settings, facts)
    assert told in problem
    assert "; fix: " in problem or "; fix:" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("seconds", [-400, 400])
def test_a_clock_that_is_off_in_either_direction_is_told(settings: Settings, seconds: int) -> None:
    facts = {**good(), "time": time.time() + seconds}
    (problem,) = preflight.problems(settings, facts)
    assert "off this machine's; fix: timedatectl" in problem


def test_a_clock_a_little_off_will_do(settings: Settings) -> None:
    assert preflight.problems(settings, {**good(), "time": time.time() + 200}) == []


def test_a_disk_that_was_mounted_once_must_be_mounted(settings: Settings) -> None:
    facts = {**good(), "fstab": [], "data_record": {"is_mount": True}}
    facts["places"]["data"]["is_mount"] = False
    (problem,) = preflight.problems(settings, facts)
    assert "fix: mount /data" in problem


@pytest.mark.parametrize("record", [None, {"is_mount": False}])
def test_data_that_never_was_a_mount_may_be_a_directory(
    settings: Settings, record: dict[str, bool] | None
) -> None:
    facts = {**good(), "fstab": ["/"], "data_record": record}
    facts["places"]["data"]["is_mount"] = False
    assert preflight.problems(settings, facts) == []


@pytest.mark.parametrize(
    "listener",
    [
        {"address": "127.0.0.1", "port": 8989, "program": "nginx"},  # another address
        {"address": "::1", "port": 8989, "program": "nginx"},
        {"address": "0.0.0.0", "port": 8191, "program": "x"},  # published by nobody
        {"address": "0.0.0.0", "port": 8989, "program": "docker-proxy"},
    ],
)
def test_a_listener_that_is_in_nobodys_way_is_no_problem(
    settings: Settings, listener: dict[str, Any]
) -> None:
    assert preflight.problems(settings, {**good(), "listeners": [listener]}) == []


def test_our_own_running_plex_is_no_problem(settings: Settings) -> None:
    listener = {"address": "0.0.0.0", "port": 32400, "program": "Plex Media Serv"}
    facts = {**good(), "listeners": [listener], "our_ports": [32400]}
    assert preflight.problems(settings, facts) == []


def test_a_port_is_told_once_however_many_listen(settings: Settings) -> None:
    listeners = [{"address": one, "port": 8989, "program": "x"} for one in ("0.0.0.0", "::")]
    assert len(preflight.problems(settings, {**good(), "listeners": listeners})) == 1


def test_without_root_nobody_is_accused_of_holding_a_port(settings: Settings) -> None:
    listener = {"address": "0.0.0.0", "port": 8989, "program": ""}
    (problem,) = preflight.problems(settings, {**good(), "listeners": [listener], "is_root": False})
    assert "the deploy needs root" in problem


def test_no_other_port_is_suggested_where_there_is_none(settings: Settings) -> None:
    listener = {"address": "0.0.0.0", "port": 32400, "program": "Plex Media Serv"}
    (problem,) = preflight.problems(settings, {**good(), "listeners": [listener]})
    assert problem.endswith("fix: stop that")


def test_everything_on_a_public_address_is_refused(bound: Callable[[str], Settings]) -> None:
    facts = good()
    assert preflight.problems(bound("0.0.0.0"), facts) == []
    facts["addresses"].append("8.8.8.8")
    (problem,) = preflight.problems(bound("0.0.0.0"), facts)
    assert "8.8.8.8" in problem
    assert "fix: use the LAN address" in problem


def test_on_all_addresses_any_listener_is_in_the_way(bound: Callable[[str], Settings]) -> None:
    listener = {"address": "127.0.0.1", "port": 8989, "program": "nginx"}
    assert len(preflight.problems(bound("0.0.0.0"), {**good(), "listeners": [listener]})) == 1


def test_a_wanted_address_must_be_the_hosts(bound: Callable[[str], Settings]) -> None:
    (problem,) = preflight.problems(bound("192.168.1.99"), good())
    assert "192.168.1.99 is not an address of this host (127.0.0.1, 192.168.1.10)" in problem


def asked(facts: Facts | None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the deploy's host answer with these facts; what it is asked comes back."""
    calls: list[Any] = []

    def get_fact(fact: Any, **arguments: Any) -> Facts | None:
        calls.append((fact, arguments))
        return copy.deepcopy(facts)

    host = SimpleNamespace(name="box", get_fact=get_fact, data={})
    monkeypatch.setattr(preflight, "host", host)
    return calls


def test_all_problems_are_told_at_once_before_anything_changes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = good()
    taken: set[str] = set()
    planted = []
    for path, value, told in RULES:
        # One value for each fact; a missing address or missing rights hide who holds the ports.
        if path not in taken and path not in ("default_address", "os_release", "is_root"):
            taken.add(path)
            change(facts, path, value)
            planted.append(told)
    calls = asked(facts, monkeypatch)
    with pytest.raises(PyinfraError) as caught:
        preflight.check(settings)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(planted) >= 13
    assert all(line.startswith("box: ") and "fix:" in line for line in lines)
    assert all(any(told in line for line in lines) for told in planted)
    assert len(calls) == 1


def test_a_host_without_python_says_how_to_get_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(None, monkeypatch)
    with pytest.raises(PyinfraError, match="fix: apt-get install python3"):
        preflight.check(settings)


def test_what_was_seen_is_handed_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    existing = {"dns": ["192.168.1.1"]}
    calls = asked({**good(), "daemon_json": json.dumps(existing)}, monkeypatch)
    seen = preflight.check(settings)
    assert (seen.host_name, seen.bind_address, seen.data_is_mount) == ("box", "192.168.1.10", True)
    assert seen.daemon_json == existing
    assert seen.distribution.code_name == "bookworm"
    assert len(calls) == 1


def test_a_bind_address_of_the_settings_wins(
    bound: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = good()
    facts["addresses"].append("10.0.0.2")
    asked(facts, monkeypatch)
    assert preflight.check(bound("10.0.0.2")).bind_address == "10.0.0.2"


@pytest.mark.parametrize("deployed", ["", "0.1.0+abc", f"{VERSION}+abc", "by hand"])
def test_what_is_not_newer_may_be_deployed_over(settings: Settings, deployed: str) -> None:
    assert preflight.problems(settings, {**good(), "release": deployed}) == []


def test_a_host_with_a_newer_release_is_refused_unless_the_user_says_otherwise(
    settings: Settings,
) -> None:
    facts = {**good(), "release": "99.0.0+abc"}
    (problem,) = preflight.problems(settings, facts)
    assert "99.0.0+abc, newer than this checkout's" in problem
    assert "--data allow_downgrade=true" in problem
    assert preflight.problems(settings, facts, downgrade=True) == []


@pytest.mark.parametrize(("said", "deployed"), [("true", True), (True, True), ("false", False)])
def test_a_downgrade_is_what_the_command_line_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: Any, deployed: bool
) -> None:
    asked({**good(), "release": "99.0.0+abc"}, monkeypatch)
    preflight.host.data["allow_downgrade"] = said
    refused = pytest.raises(PyinfraError, match="newer than this checkout")
    with contextlib.nullcontext() if deployed else refused:
        assert preflight.check(settings).host_name == "box"
