"""doctor_made: a container that was made by hand from something else is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import doctor_made

IMAGES = "/opt/mediastack/stacks/media/images.yaml"
DESCRIBED = {
    "image": f"ghcr.io/x/seerr:1@{house.DIGEST}",
    "cap_drop": ["ALL"],
    "cap_add": ["CHOWN"],
    "user": "1000:1000",
    "environment": {"TZ": "Etc/UTC", "PRICE": "5$$"},
    "volumes": [{"type": "bind", "source": "/srv/seerr", "target": "/config"}],
}


def made() -> dict[str, Any]:
    return {
        "Image": "image-seerr",
        "Config": {"User": "1000:1000", "Env": ["PATH=/bin", "TZ=Etc/UTC", "PRICE=5$"]},
        "HostConfig": {
            "Privileged": False,
            "CapAdd": ["CAP_CHOWN"],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
        },
        "Mounts": [{"Type": "bind", "Source": "/srv/seerr", "Destination": "/config", "RW": True}],
    }


def judged(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> set[tuple[str, str]]:
    facts = house.facts()
    facts["inspected"] = {"seerr": made()}
    facts["made"] = {
        "described": {"seerr": dict(DESCRIBED)},
        "built_in": {"image-seerr": {"PATH": "/bin"}},
        "other_mounts": {},
    }
    change(facts["inspected"]["seerr"], facts["made"])
    found = [one for check in doctor_made.CHECKS for one in check(house.config(), facts)]
    assert {one.subject for one in found} == {"seerr", IMAGES}
    return {(one.check, one.problem) for one in found if not one.ok}


def test_what_was_made_as_described_passes() -> None:
    assert judged(lambda *_: None) == set()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda c, _: c["HostConfig"].update(Privileged=True), ("powers", "is privileged")),
        (
            lambda c, _: c["HostConfig"].update(CapAdd=["SYS_TIME"]),
            ("powers", "was given the capabilities SYS_TIME"),
        ),
        (
            lambda c, _: c["HostConfig"].update(CapDrop=None),
            ("powers", "keeps capabilities that it should not have"),
        ),
        (
            lambda c, _: c["HostConfig"].update(SecurityOpt=None),
            ("powers", "may gain privileges"),
        ),
        (lambda c, _: c["Config"].update(User=""), ("user", "runs as its image says instead")),
        (lambda c, _: c["Mounts"].clear(), ("mounts", "does not mount /srv/seerr")),
        (lambda c, _: c["Mounts"][0].update(RW=False), ("mounts", "does not mount /srv/seerr")),
        (lambda _, m: m["other_mounts"].update(seerr=["/config"]), ("mounts", "sees another")),
        (
            lambda c, _: c["Config"]["Env"].append("BY_HAND=secret"),
            ("environment", "is told something else for BY_HAND"),
        ),
        (
            lambda c, _: c["Config"].update(Env=["PATH=/bin"]),
            ("environment", "is told something else for PRICE, TZ"),
        ),
        (
            lambda _, m: m["described"]["seerr"].update(image="x@sha256:0"),
            ("override", "names another image for seerr"),
        ),
    ],
)
def test_what_was_made_otherwise_is_named(change: Any, finding: tuple[str, str]) -> None:
    ((check, problem),) = judged(change)
    assert check == finding[0] and problem.startswith(finding[1])
    assert "secret" not in problem


def test_what_gluetun_refused_is_no_reason_to_make_its_container_anew() -> None:
    facts = house.facts()
    container = made()
    container["Config"]["Env"] = ["SERVER_COUNTRIES=Germany"]
    container["Mounts"] = []
    facts["inspected"] = {"seerr": container}
    told = {"described": {"seerr": DESCRIBED}, "built_in": {}, "other_mounts": {}}
    facts["made"] = told
    checks = (doctor_made.mounts, doctor_made.environment)
    assert all(one.problem for check in checks for one in check(house.config(), facts))
    facts["observation"]["refused"] = {"seerr": "vpn.countries: refused"}
    assert [one for check in checks for one in check(house.config(), facts)] == []


def test_facts_come_from_compose_and_from_the_images(tmp_path: Path) -> None:
    config = house.config()
    config["paths"]["program"] = str(tmp_path)
    answers = {
        "compose": json.dumps({"services": {"seerr": DESCRIBED}}),
        "image": json.dumps([{"Id": "image-seerr", "Config": {"Env": ["A=b"]}}]),
    }

    def run(command: Sequence[str]) -> str:
        return answers[command[1]]

    found = doctor_made.gather(config, {"seerr": made()}, run, str(tmp_path))
    assert found["described"]["seerr"]["user"] == "1000:1000"
    assert found["built_in"] == {"image-seerr": {"A": "b"}}


def test_without_an_answer_nothing_is_said() -> None:
    found = doctor_made.gather(house.config(), {}, lambda _: None, "/proc")
    facts = house.facts() | {"made": found}
    assert [one for check in doctor_made.CHECKS for one in check(house.config(), facts)] == []


def test_another_file_inside_is_seen_by_the_kernel(tmp_path: Path) -> None:
    root = tmp_path / "7" / "root"
    root.mkdir(parents=True)
    (root / "etc").symlink_to("/etc")
    (root / "other").mkdir()
    one = {
        "State": {"Pid": 7},
        "Mounts": [
            {"Type": "bind", "Source": "/etc/passwd", "Destination": "/etc/passwd"},
            {"Type": "bind", "Source": "/etc/passwd", "Destination": "/other"},
        ],
    }
    assert doctor_made.other_mounts(one, str(tmp_path)) == ["/other"]


def test_files_that_compose_does_not_understand_are_named() -> None:
    found = doctor_made.gather(house.config(), {}, lambda _: "", "/proc")
    facts = house.facts() | {"made": found}
    said = [one for one in doctor_made.override(house.config(), facts) if not one.ok]
    assert {one.subject.split("/")[-2] for one in said} == set(house.config()["stacks"])
