"""Every smoke check passes on a healthy host, and fails on a fault of its own kind."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.smoke import (
    expect_backups,
    expect_containers,
    expect_files,
    expect_host,
    expect_networks,
    expect_secrets,
    expect_traffic,
    expect_wall,
)
from tests.smoke.expected import Expected
from tests.unit import (
    smoke_faults_backups,
    smoke_faults_containers,
    smoke_faults_host,
    smoke_faults_networks,
    smoke_faults_wall,
    smoke_house,
)
from tests.unit.smoke_faults import TIMER, Observed, listener, port, stranger, without

F, S, H = expect_files, expect_secrets, expect_host
C, N, T = expect_containers, expect_networks, expect_traffic
MODULES = (F, S, H, C, N, T, expect_wall, expect_backups)
FAULTS = (
    *smoke_faults_host.FAULTS,
    *smoke_faults_containers.FAULTS,
    *smoke_faults_networks.FAULTS,
    *smoke_faults_wall.FAULTS,
    *smoke_faults_backups.FAULTS,
)


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
        S.value: expected.secrets,
        T.proxy: ["read", "heal"],
        T.host_service: expected.host_services,
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


def test_a_timer_has_no_next_time_while_what_it_starts_is_at_work(house):
    expected, observed = house
    timer = observed["units"][TIMER]
    timer["NextElapseUSecRealtime"] = ""
    timer["SubState"] = "running"
    assert list(H.unit(expected, observed, TIMER)) == []


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
