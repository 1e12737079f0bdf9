"""The user's services over the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import load, problems

from catalog import SERVICES

MINE: dict[str, Any] = {
    "image": "docker.io/library/nginx",
    "tag": "1.29",
    "stack": "media",
    "zone": "bridge",
    "address": 90,
}


def test_an_override_changes_one_field_and_keeps_the_rest(tmp_path: Path) -> None:
    service = load(tmp_path, {"services": {"sonarr": {"memory": 2048}}}).services["sonarr"]
    assert service == SERVICES["sonarr"].model_copy(update={"memory": 2048})


def test_environment_is_laid_over_key_by_key(tmp_path: Path) -> None:
    own = {"services": {"unpackerr": {"environment": {"UN_DEBUG": "true"}}}}
    environment = load(tmp_path, own).services["unpackerr"].environment
    assert environment == {**SERVICES["unpackerr"].environment, "UN_DEBUG": "true"}


def test_a_list_is_replaced(tmp_path: Path) -> None:
    own = {"services": {"sonarr": {"state_exclude": ["logs"]}}}
    assert load(tmp_path, own).services["sonarr"].state_exclude == ("logs",)


def test_a_service_of_the_users_own_needs_four_fields(tmp_path: Path) -> None:
    service = load(tmp_path, {"services": {"mine": MINE}}).services["mine"]
    assert (service.name, service.summary) == ("mine", "your own service")
    found = problems(tmp_path, {"services": {"zzzz": {"address": 90}}})
    paths = [line.split(": ")[1] for line in found]
    assert paths == [f"services.zzzz.{key}" for key in ("stack", "zone", "image", "tag")]
    assert all("is missing" in line for line in found)


@pytest.mark.parametrize(
    ("name", "override", "path", "told"),
    [
        ("sonar", {"enabled": False}, "services.sonar", "did you mean sonarr?"),
        ("sonarr", 5, "services.sonarr", "write [services.sonarr]"),
        ("sonarr", {"prot": 1}, "services.sonarr.prot", "did you mean services.sonarr.port?"),
        ("sonarr", {"host_port": "80"}, "services.sonarr.host_port", "without quotes"),
        ("sonarr", {"host_port": 70000}, "services.sonarr.host_port", "at most 65535"),
        ("sonarr", {"memory": 1.5}, "services.sonarr.memory", "a whole number"),
        ("sonarr", {"zone": "lan"}, "services.sonarr.zone", "'vpn', 'bridge' or 'host'"),
        ("sonarr", {"tag": "a b"}, "services.sonarr.tag", "letters, digits"),
        ("sonarr", {"image": "nginx"}, "services.sonarr.image", "docker.io/library/nginx"),
        ("sonarr", {"image": "ghcr.io/x:1"}, "services.sonarr.image", "without tag"),
        ("sonarr", {"health": {"tset": []}}, "services.sonarr.health.tset", "is no setting"),
        ("sonarr", {"data": [{"path": "/srv"}]}, "services.sonarr.data[0].path", "/data"),
        ("sonarr", {"environment": {"A": 1}}, "services.sonarr.environment.A", "in quotes"),
        ("sonarr", {"environment": "A=1"}, "services.sonarr.environment", "a table"),
        ("sonarr", {"zone": "bridge"}, "services.sonarr", "a free number 2-250"),
        ("sonarr", {"port": 9000}, "services.sonarr.port", "host_port = 9000"),
        ("recyclarr", {"publish": True}, "services.recyclarr", "set port"),
        ("sonarr", {"name": "tv"}, "services.sonarr.name", "delete the line"),
        ("sonarr", {"owner": True}, "services.sonarr.owner", "delete the line"),
        ("sonarr", {"socket": "read"}, "services.sonarr.socket", "root on the host"),
        ("sonarr", {"socket_proxy": True}, "services.sonarr.socket_proxy", "root on the host"),
        ("sonarr", {"files": []}, "services.sonarr.files", "part of this repository"),
        ("sonarr", {"secrets": []}, "services.sonarr.secrets", "built around them"),
        ("sonarr", {"environment_file": "x"}, "services.sonarr.environment_file", "repository"),
        ("sonarr", {"unverified": "x"}, "services.sonarr.unverified", "note of the catalog"),
        ("mine", {**MINE, "socket": "heal"}, "services.mine.socket", "root on the host"),
        ("My_App", MINE, "services.My_App", "lower-case letters"),
        ("notify", MINE, "services.notify", "choose another name"),
    ],
)
def test_a_wrong_table_is_told_once_with_a_fix(
    tmp_path: Path, name: str, override: Any, path: str, told: str
) -> None:
    found = problems(tmp_path, {"services": {name: override}})
    assert len(found) == 1, found
    assert found[0].startswith(f"settings.local.toml: {path}: ")
    assert told in found[0]


def test_a_port_may_move_together_with_the_health_check_that_asks_it(tmp_path: Path) -> None:
    health = {"test": ["CMD", "curl", "-fsS", "http://127.0.0.1:9000/ping"]}
    own = {"services": {"sonarr": {"port": 9000, "health": health}}}
    assert load(tmp_path, own).services["sonarr"].published_port == 9000


def test_a_mistyped_service_with_a_mistyped_field_tells_both(tmp_path: Path) -> None:
    found = problems(tmp_path, {"services": {"sonar": {"enabeld": False}}})
    assert [line.split(": ")[1] for line in found] == [
        "services.sonar.enabeld",
        "services.sonar",
    ]


def test_qbittorrent_has_no_other_port_on_the_host(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {"services": {"qbittorrent": {"host_port": 9090}}})
    assert "services.qbittorrent" in problem
    assert "fix: remove host_port" in problem


def test_a_variable_has_a_name_that_a_shell_would_take(tmp_path: Path) -> None:
    own = {"services": {"seerr": {"environment": {"A: b": "x"}}}}
    (problem,) = problems(tmp_path, own)
    assert "services.seerr.environment" in problem
    assert "'A: b'" in problem
