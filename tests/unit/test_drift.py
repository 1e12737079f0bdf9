"""drift: all that a deploy would mend, each thing once, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import doctor_house as house
import pytest

from mediastack import config, doctor_facts, drift, foresight, notify, secrets
from mediastack.secret_files import SecretError

FILE = "/opt/mediastack/bin/mediastack"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine whose facts and secrets the test may spoil, and what was sent from it."""
    made: dict[str, Any] = {"facts": house.facts(), "secrets": [], "sent": [], "foresee": list}
    monkeypatch.setattr(config, "load", house.config)
    monkeypatch.setattr(doctor_facts, "gather", lambda *_: made["facts"])
    monkeypatch.setattr(secrets, "check", lambda *_: made["secrets"])
    monkeypatch.setattr(foresight, "note", lambda _, seen: made["foresee"](seen))
    monkeypatch.setattr(notify, "send", lambda *given, **named: made["sent"].append((given, named)))
    return made


def found(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[tuple[str, ...]]:
    code = drift.main(["--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["same"] else 1)
    assert report["schema"] == 1
    return [(one["kind"], one["subject"], one["problem"]) for one in report["differences"]]


def test_a_host_as_deployed_is_one_line_exit_0_and_no_message(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift.main(["--notify"]) == 0
    assert capsys.readouterr().out == "this host is as the last deploy left it\n"
    assert machine["sent"] == []
    assert found(machine, capsys) == []


def test_a_changed_file_is_named_with_what_changed(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["facts"]["files"][FILE]["mode"] = 0o777
    assert found(machine, capsys) == [("file", FILE, "has mode 0777 instead of 0755")]
    assert drift.main([]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"file: {FILE} has mode 0777 instead of 0755"
    assert "run the deploy again" in shown[-1]


def test_a_container_is_named_with_what_a_deploy_would_do(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.container(machine["facts"], "seerr")["config_hash"] = "old"
    expected = ("container", "seerr", "to recreate: configuration changed")
    assert found(machine, capsys) == [expected]


def test_a_container_whose_secret_will_be_replaced_is_named(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["foresee"] = lambda seen: house.container({"observation": seen}, "seerr").update(
        stale_mounts=["/run/secrets/key"]
    )
    expected = "to recreate: mounted file was replaced: /run/secrets/key"
    assert found(machine, capsys) == [("container", "seerr", expected)]


def test_a_secret_with_a_wrong_value_or_mode_is_named_once(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/etc/mediastack/secrets/qbittorrent/password"
    machine["facts"]["secrets"][path]["mode"] = 0o644
    machine["secrets"] = [
        {"path": path, "problem": "mode 0644"},
        {"path": "/etc/mediastack/secrets/other/key", "problem": "differs from its source"},
    ]
    kinds = [(kind, subject) for kind, subject, _ in found(machine, capsys)]
    assert kinds == [("secret", path), ("secret", "/etc/mediastack/secrets/other/key")]


def test_a_file_is_not_blamed_for_its_edited_template(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(secrets, "check", lambda config, _: asked.append(config) or [])
    settings = house.config()
    drift.secret_differences(settings)
    # None of the templates is on this machine: all would be said to be missing.
    assert settings["secret_files"] and asked[0]["secret_files"] == []
    assert asked[0]["secrets"] == settings["secrets"]


def test_secrets_that_cannot_be_surveyed_are_a_difference(
    machine: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise SecretError("app/key: a link")

    monkeypatch.setattr(secrets, "check", refuse)
    assert found(machine, capsys) == [("secret", "secrets", "app/key: a link")]


def test_what_no_deploy_mends_is_not_drift(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.container(machine["facts"], "seerr")["health"] = "unhealthy"
    machine["facts"]["disks"]["/opt/mediastack"]["free_bytes"] = 5
    machine["facts"]["spool_oldest_seconds"] = 1e6
    assert found(machine, capsys) == []


def test_what_the_user_stopped_is_not_drift(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["facts"]["observation"]["intents"] = {"seerr": {"by": "cli"}}
    house.container(machine["facts"], "seerr")["status"] = "exited"
    assert found(machine, capsys) == []


def test_without_docker_containers_are_unknown_and_not_the_same(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    machine["facts"].update(observation=None, docker_error="Docker does not answer")
    assert drift.main([]) == 1
    assert "containers could not be compared: Docker does not answer" in capsys.readouterr().out


def test_notify_sends_one_short_message_however_much_differs(machine: dict[str, Any]) -> None:
    machine["secrets"] = [{"path": f"/s/{n}", "problem": "is missing"} for n in range(40)]
    assert drift.main(["--notify"]) == 1
    (((subject, title, message), named),) = machine["sent"]
    assert (subject, named["key"]) == ("drift", "drift")
    assert title == "home: 40 differences from the last deploy"
    assert len(message.splitlines()) == drift.NOTIFY_LIMIT + 2


def test_settings_that_gluetun_refused_are_a_difference_and_its_old_container_is_none(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    facts = machine["facts"]
    facts["observation"]["refused"] = {"gluetun": "vpn.countries: Gluetun refuses it: x"}
    house.container(facts, "gluetun").update(config_hash="old", image="registry/old:1")
    ((_, subject, problem),) = found(machine, capsys)
    assert subject == "gluetun"
    assert "vpn.countries: Gluetun refuses it" in problem
