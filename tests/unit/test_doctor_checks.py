"""Every check of the doctor: silent on a clean house, and failing for each planted fault."""

from __future__ import annotations

from typing import Any

import doctor_faults_containers
import doctor_faults_host
import doctor_faults_wall
import doctor_house as house
import pytest
from doctor_faults import SECRETS, Fault, no_container

from mediastack import doctor

FAULTS = [
    *doctor_faults_host.FAULTS,
    *doctor_faults_containers.FAULTS,
    *doctor_faults_wall.FAULTS,
]


def failed(config: dict[str, Any], facts: dict[str, Any]) -> list[doctor.Finding]:
    return doctor.failures(doctor.examine(config, facts))


def test_a_clean_house_has_no_findings_and_many_passes() -> None:
    findings = doctor.examine(house.config(), house.facts())
    assert doctor.failures(findings) == []
    assert {finding.check for finding in findings} >= {check for check, *_ in FAULTS}


@pytest.mark.parametrize(("check", "subject", "words", "fault"), FAULTS)
def test_a_planted_fault_is_found_with_words_and_a_way_to_mend_it(
    check: str, subject: str, words: str, fault: Fault
) -> None:
    config, facts = house.config(), house.facts()
    fault(config, facts)
    found = failed(config, facts)
    mine = [one for one in found if (one.check, one.subject) == (check, subject)]
    assert len(mine) == 1, found
    assert words in mine[0].problem
    assert mine[0].fix


@pytest.mark.parametrize(
    ("check", "subject", "fault"),
    [(check, subject, fault) for check, subject, _, fault in FAULTS],
)
def test_a_fault_brings_no_crowd_of_other_findings(check: str, subject: str, fault: Fault) -> None:
    config, facts = house.config(), house.facts()
    fault(config, facts)
    others = {one.subject for one in failed(config, facts)} - {subject}
    # A gluetun elsewhere takes the whole group's namespace with it, an absent daemon.json nothing.
    allowed = {"qbittorrent", "recyclarr"} if subject == "gluetun" else set()
    assert others <= allowed, f"{check} {subject}"


def test_docker_away_is_one_finding_and_not_one_per_container() -> None:
    facts = house.facts()
    facts.update(docker_error="does not answer", observation=None, inspected={}, networks=[])
    facts["info"] = {}
    assert [(one.check, one.problem) for one in failed(house.config(), facts)] == [
        ("docker", "does not answer")
    ]


def test_data_away_is_one_finding_and_its_services_and_files_are_not_blamed() -> None:
    facts = house.facts()
    facts["data"] = {"present": False, "hardlink_error": None}
    for service in ("qbittorrent", "plex"):
        house.container(facts, service).update(status="exited", netns=None, health="none")
    del facts["files"]["/data/media"]
    assert [(one.check, one.subject) for one in failed(house.config(), facts)] == [
        ("data", "/data")
    ]


def test_what_the_user_stopped_is_not_blamed() -> None:
    facts = house.facts()
    no_container("seerr")({}, facts)
    facts["observation"]["intents"] = {"seerr": {"by": "root"}}
    assert failed(house.config(), facts) == []


def test_dependents_of_a_gluetun_that_the_user_stopped_are_not_blamed() -> None:
    facts = house.facts()
    for service in ("gluetun", "qbittorrent", "recyclarr"):
        no_container(service)({}, facts)
    facts["observation"]["intents"] = {"gluetun": {"by": "root"}}
    assert failed(house.config(), facts) == []


@pytest.mark.parametrize(("state", "fine"), [("running", True), ("elapsed", False)])
def test_a_timer_has_no_next_time_while_what_it_starts_is_at_work(state: str, fine: bool) -> None:
    facts = house.facts()
    config = house.config()
    config["units"].append({"name": "mediastack-update.timer", "kind": "timer"})
    facts["units"]["mediastack-update.timer"] = {
        **facts["units"]["mediastack-keeper.service"],
        "NextElapseUSecRealtime": "",
        "NextElapseUSecMonotonic": "infinity",
        "SubState": state,
    }
    assert (failed(config, facts) == []) is fine


def test_a_left_over_of_a_recreate_does_not_stand_in_for_the_service() -> None:
    facts = house.facts()
    house.container(facts, "seerr")["name"] = "0123456789ab_seerr"
    assert [(one.check, one.subject) for one in failed(house.config(), facts)] == [
        ("running", "seerr")
    ]


def test_an_optional_secret_may_be_missing_but_not_open_when_it_is_there() -> None:
    facts = house.facts()
    token = f"{SECRETS}/notify/token"
    assert failed(house.config(), facts) == []
    facts["secrets"][token] = {"mode": 0o444, "uid": 0, "gid": 0, "directory": False}
    assert [one.subject for one in failed(house.config(), facts)] == [token]


def test_a_clock_that_is_not_this_systems_job_is_no_fault() -> None:
    facts = house.facts()
    facts["clock"] = {"now": house.NOW, "synchronised": None, "newest": None}
    assert failed(house.config(), facts) == []
