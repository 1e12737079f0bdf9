"""The doctor on the second wall, and on whom Docker asks for names."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import config as configuration
from mediastack import doctor_wall
from mediastack.docker_client import Docker, NotReachable

MADE = {
    "described": {"gluetun": {"dns": ["fe80::1"]}, "seerr": {}},
    "built_in": {},
    "other_mounts": {},
    "unread": [],
}


def test_docker_away_is_no_reason_to_doubt_what_only_docker_knows() -> None:
    facts = house.facts() | {"docker_error": "away", "networks": [], "inspected": {}}
    for one in facts["wall"]["listed"]["nftables"]:
        if one.get("set", {}).get("name") == "endpoint_ports":
            one["set"]["elem"] = [1637, 51820]
    assert [one.ok for one in doctor_wall.stands(house.config(), facts)] == [True, True]


def test_docker_away_does_not_hide_a_missing_rule() -> None:
    facts = house.facts() | {"docker_error": "away", "networks": [], "inspected": {}}
    facts["wall"]["listed"]["nftables"].pop()
    assert [one.ok for one in doctor_wall.stands(house.config(), facts)] == [False, True]


def test_way_of_a_gluetun_that_is_still_to_be_recreated_is_as_it_should_be() -> None:
    config, facts = house.config(), house.facts()
    labels = facts["inspected"]["gluetun"]["Config"]["Labels"]
    labels["io.mediastack.endpoints"] = "* 1637"
    finding, _ = doctor_wall.stands(config, facts)
    assert "endpoint_ports lacks 1637" in finding.problem


def test_wall_that_knows_no_servers_is_told_with_its_reason_and_as_what_it_is() -> None:
    facts = house.facts()
    facts["wall"] |= {"known": {}, "found": {}, "unread": ""}
    for one in facts["wall"]["listed"]["nftables"]:
        if one.get("set", {}).get("name", "").startswith("servers_"):
            one["set"].pop("elem", None)
        if one.get("set", {}).get("name") == "unlisted_ports":
            one["set"]["elem"] = [51820]
    table, servers = doctor_wall.stands(house.config(), facts)
    assert table.ok
    assert "no list with servers of protonvpn" in servers.problem
    assert "any address" in servers.problem
    facts["wall"]["unread"] = "servers.json is not JSON"
    assert "not JSON" in doctor_wall.stands(house.config(), facts)[1].problem


def test_custom_endpoint_has_no_list_to_ask_for() -> None:
    config = house.config()
    config["vpn"] = {"provider": "custom", "endpoints": [{"address": "198.51.100.7", "port": 5}]}
    assert doctor_wall.servers(config, {"known": {}, "found": {}, "unread": ""}) == []


@pytest.mark.parametrize(
    ("have", "problem"),
    [(["fe80::1"], ""), ([], "whom the host asks"), (None, "whom"), (["9.9.9.9"], "9.9.9.9")],
)
def test_container_that_was_made_with_other_name_servers(have: Any, problem: str) -> None:
    facts = house.facts() | {"made": copy.deepcopy(MADE)}
    for one in facts["inspected"].values():
        one["HostConfig"]["Dns"] = have if one["Name"] == "/gluetun" else None
    found = {one.subject: one for one in doctor_wall.names(house.config(), facts)}
    assert found["seerr"].ok
    assert found["gluetun"].ok == (not problem)
    assert problem in found["gluetun"].problem


@pytest.mark.parametrize(
    ("said", "error", "listed"),
    [
        (None, "cannot be run", None),
        ("", "", None),
        ("{", "no JSON", None),
        ('{"nftables": []}', "", {"nftables": []}),
    ],
)
def test_what_nft_says(tmp_path: Path, said: str | None, error: str, listed: Any) -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str | None:
        asked.append(command)
        return said

    config = house.config()
    config["paths"] = {**config["paths"], "state": str(tmp_path)}
    found = doctor_wall.gather(config, run)
    assert error in found["error"]
    assert found["listed"] == listed
    assert asked == [("nft", "-j", "list", "table", "inet", "mediastack_wall")]


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_wall_check_says_it_in_json_and_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], whole: bool, away: bool
) -> None:
    listed = house.second_wall()
    if not whole:
        listed["nftables"].pop()

    def networks(_: Docker) -> list[dict[str, Any]]:
        if away:
            raise NotReachable("away")
        found: list[dict[str, Any]] = house.facts()["networks"]
        return found

    found = house.facts()["wall"] | {"listed": listed}
    monkeypatch.setattr(configuration, "load", house.config)
    monkeypatch.setattr(doctor_wall, "gather", lambda *_: found)
    monkeypatch.setattr(Docker, "networks", networks)
    monkeypatch.setattr(Docker, "inspect", lambda *_: house.inspected()["gluetun"])
    assert doctor_wall.main([]) == (0 if whole else 1)
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] == whole
    assert bool(said["problems"]) != whole
    assert set(said["dropped"]) == {"owner_ipv4", "owner_ipv6", "other_ipv4", "other_ipv6"}
