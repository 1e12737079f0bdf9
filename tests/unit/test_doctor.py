"""What the doctor prints, sends and returns; the checks themselves are in test_doctor_checks."""

from __future__ import annotations

import json
from typing import Any

import doctor_house as house
import pytest

from mediastack import config, doctor, doctor_facts, notify
from mediastack.doctor_checks import Finding

SICK = Finding("healthy", "seerr", False, "health is unhealthy", "stack-manage.sh media logs seerr")
FINE = Finding("running", "seerr", True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine whose facts the test may spoil, and what was sent from it."""
    facts = house.facts()
    sent: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(config, "load", house.config)
    monkeypatch.setattr(doctor_facts, "gather", lambda *_: facts)
    monkeypatch.setattr(doctor_facts, "more", lambda *_: None)
    monkeypatch.setattr(notify, "send", lambda *given, **named: sent.append((given, named)))
    return {"facts": facts, "sent": sent}


def test_failures_come_with_their_mending_and_passes_as_a_number() -> None:
    assert doctor.lines([FINE, SICK, FINE]) == [
        "healthy: seerr health is unhealthy",
        "  fix: stack-manage.sh media logs seerr",
        "2 checks passed, 1 failed",
    ]


def test_a_clean_house_is_one_line() -> None:
    assert doctor.lines([FINE]) == ["1 checks passed"]


def test_the_exit_code_is_0_on_a_clean_house_and_nothing_is_sent(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.main(["--notify"]) == 0
    assert machine["sent"] == []
    assert capsys.readouterr().out.endswith("checks passed\n")


def test_the_exit_code_is_1_when_something_failed(machine: dict[str, Any]) -> None:
    house.container(machine["facts"], "seerr")["health"] = "unhealthy"
    assert doctor.main([]) == 1
    assert machine["sent"] == []


def test_json_tells_all_findings(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.container(machine["facts"], "seerr")["health"] = "unhealthy"
    assert doctor.main(["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1 and report["ok"] is False and report["failed"] == 1
    assert report["passed"] == len(report["findings"]) - 1
    assert [one for one in report["findings"] if not one["ok"]] == [SICK._asdict()]


def test_notify_sends_one_message_however_much_is_wrong(machine: dict[str, Any]) -> None:
    for service in house.SERVICES:
        house.container(machine["facts"], service)["config_hash"] = "old"
        house.container(machine["facts"], service)["health"] = "unhealthy"
    machine["facts"]["spool_oldest_seconds"] = 1e6
    doctor.main(["--notify"])
    (((subject, title, message), named),) = machine["sent"]
    assert (subject, named["key"]) == ("doctor", "doctor")
    assert title.startswith("home: ") and title.endswith(" checks failed")
    # A telephone's screen: the limit, how many more, where to look.
    assert len(message.splitlines()) <= doctor.NOTIFY_LIMIT + 2
    assert "plex runs with an older configuration" in doctor.message(
        doctor.failures(doctor.examine(house.config(), machine["facts"]))[-3:]
    )


def test_what_a_deploy_mends_is_left_to_the_message_about_drift(machine: dict[str, Any]) -> None:
    machine["facts"]["files"] = {}
    assert doctor.main(["--notify"]) == 1
    assert machine["sent"] == []


def test_a_usage_error_is_2(machine: dict[str, Any]) -> None:
    with pytest.raises(SystemExit) as raised:
        doctor.main(["--mend"])
    assert raised.value.code == 2


WARNED = Finding("backup", "recovery kit", True, "is not kept elsewhere", "recovery-kit FILE")


def test_a_warning_is_shown_first_and_fails_nothing() -> None:
    assert doctor.lines([FINE, WARNED]) == [
        "warning: backup: recovery kit is not kept elsewhere",
        "  fix: recovery-kit FILE",
        "2 checks passed, 1 with a warning",
    ]
    assert doctor.lines([WARNED, SICK])[-1] == "1 checks passed, 1 with a warning, 1 failed"
    found = doctor.report([FINE, WARNED])
    assert (found["ok"], found["passed"], found["failed"], found["warnings"]) == (True, 2, 0, 1)


def test_of_a_warning_nobody_is_told_by_telephone(machine: dict[str, Any]) -> None:
    machine["facts"]["backup"]["kit"] = False
    assert doctor.main(["--notify"]) == 0
    assert machine["sent"] == []
