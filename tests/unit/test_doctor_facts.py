"""The doctor's facts: read from a pretended machine, compared with what the test put there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import doctor, doctor_facts, doctor_probes, ledger
from mediastack.docker_client import Docker, NotReachable

SHOWN = """\
Id=mediastack-keeper.service
LoadState=loaded
UnitFileState=enabled
ActiveState=active
NeedDaemonReload=no
MainPID=77

Id=mediastack-notify.path
LoadState=masked
UnitFileState=masked
ActiveState=inactive
NeedDaemonReload=no
MainPID=0
"""


class Away:
    def containers(self) -> list[dict[str, Any]]:
        raise NotReachable("nobody there")


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The small house with all its paths below tmp_path."""
    settings = house.config()
    settings["paths"] = {name: f"{tmp_path}{path}" for name, path in settings["paths"].items()}
    for path in settings["paths"].values():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    for name in ("data/torrents", "data/media", "var/lib/mediastack"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    Path(settings["paths"]["sentinel"]).touch()
    settings["secrets"], settings["secret_files"], settings["files"] = [], [], []
    return settings


def names_below(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*")}


def test_units_come_from_one_call_and_their_release_from_their_process(tmp_path: Path) -> None:
    calls = []

    def run(command: Sequence[str]) -> str:
        calls.append(command)
        return SHOWN

    (tmp_path / "77").mkdir()
    (tmp_path / "77/environ").write_bytes(b"HOME=/root\0MEDIASTACK_RELEASE=0.9\0")
    units = doctor_facts.units(house.config(), run, str(tmp_path))
    assert len(calls) == 1
    assert units["mediastack-keeper.service"]["Release"] == "0.9"
    assert units["mediastack-notify.path"]["LoadState"] == "masked"
    assert "Release" not in units["mediastack-notify.path"]


def test_a_machine_without_systemd_knows_no_units() -> None:
    assert doctor_facts.units(house.config(), lambda _: None, "/proc") == {}


def test_docker_away_is_a_fact_and_not_an_exception(config: dict[str, Any]) -> None:
    facts = doctor_facts.docker_facts(config, Away(), lambda _: None, "/proc")  # type: ignore[arg-type]
    assert facts["docker_error"] == "nobody there"
    assert facts["observation"] is None and facts["inspected"] == {}


def test_everything_is_gathered_and_can_be_judged_on_a_bare_machine(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "read", lambda *_: [])
    docker: Docker = Away()  # type: ignore[assignment]
    facts = doctor_facts.gather(config, docker, run=lambda _: None, now=lambda: house.NOW)
    failed = {one.check for one in doctor.failures(doctor.examine(config, facts))}
    assert {"docker", "unit"} <= failed
    assert "data" not in failed and "hardlink" not in failed


def test_secrets_are_listed_with_mode_and_owner_and_never_opened(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    top = Path(config["paths"]["etc"], "secrets")
    (top / "sonarr").mkdir(parents=True)
    (top / "sonarr/api_key").write_text("canary")
    (top / "sonarr/api_key").chmod(0o440)
    (top / "sonarr").chmod(0o700)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("opened")

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuse)
        patched.setattr(os, "open", refuse)
        found = doctor_facts.secrets(config)
    assert set(found) == {str(top), f"{top}/sonarr", f"{top}/sonarr/api_key"}
    assert found[f"{top}/sonarr/api_key"]["mode"] == 0o440
    assert found[f"{top}/sonarr"]["directory"] is True
    assert found[f"{top}/sonarr/api_key"]["uid"] == os.getuid()


def test_files_tell_kind_mode_and_content(tmp_path: Path) -> None:
    plain, link = tmp_path / "plain", tmp_path / "link"
    plain.write_bytes(b"text")
    plain.chmod(0o640)
    link.symlink_to("nowhere")
    wanted = [
        {"path": str(plain), "sha256": "x"},
        {"path": str(link), "sha256": ""},
        {"path": str(tmp_path), "sha256": ""},
        {"path": str(tmp_path / "absent")},
    ]
    found = doctor_facts.files(wanted)
    assert {path: one["kind"] for path, one in found.items()} == {
        str(plain): "file",
        str(link): "link",
        str(tmp_path): "directory",
    }
    assert found[str(plain)]["mode"] == 0o640
    assert found[str(plain)]["sha256"] == hashlib.sha256(b"text").hexdigest()


@pytest.mark.parametrize(
    ("virtual", "answer", "expected"),
    [
        ("none\n", "yes\n", True),
        ("none\n", "no\n", False),
        ("docker\n", "no\n", None),
        ("none\n", None, None),
    ],
)
def test_the_clock_is_asked_of_systemd_and_only_where_it_is_its_job(
    virtual: str, answer: str | None, expected: bool | None
) -> None:
    def run(command: Sequence[str]) -> str | None:
        return virtual if command[0] == "systemd-detect-virt" else answer

    assert doctor_facts.synchronised(run) is expected


@pytest.mark.parametrize(
    ("content", "value", "words"),
    [
        (None, {}, "No such file"),
        ('{"live-restore": true}', {"live-restore": True}, ""),
        ("{", {}, "not JSON"),
        ("[]", {}, "not a JSON object"),
    ],
)
def test_a_json_file_is_its_object_or_why_there_is_none(
    tmp_path: Path, content: str | None, value: Any, words: str
) -> None:
    path = tmp_path / "daemon.json"
    if content is not None:
        path.write_text(content)
    found = doctor_facts.json_file(str(path))
    assert found["value"] == value
    assert words in found["error"] and bool(words) == bool(found["error"])


def test_a_hardlink_is_tried_and_no_trace_is_left(config: dict[str, Any]) -> None:
    data = Path(config["paths"]["data"])
    before = names_below(data)
    assert doctor_probes.hardlink(config) == ""
    assert names_below(data) == before


def test_a_hardlink_that_fails_says_why_and_leaves_no_trace(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(config["paths"]["data"])
    before = names_below(data)

    def refuse(source: str, target: str) -> None:
        raise OSError(18, "Invalid cross-device link", source, None, target)

    monkeypatch.setattr(os, "link", refuse)
    assert "Invalid cross-device link" in doctor_probes.hardlink(config)
    assert names_below(data) == before


def test_probes_of_a_killed_doctor_are_swept_and_those_of_a_living_one_stay(
    config: dict[str, Any],
) -> None:
    torrents = Path(config["paths"]["data"], "torrents")
    dead, living = torrents / ".mediastack-probe-99999999", torrents / ".mediastack-probe-1"
    dead.touch()
    living.touch()
    assert doctor_probes.hardlink(config) == ""
    assert not dead.exists() and living.exists()


def test_data_is_not_touched_while_its_sentinel_is_missing(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = config["paths"]["data"]
    Path(config["paths"]["sentinel"]).unlink()
    config["files"] = [{"path": f"{data}/media"}, {"path": data}, {"path": "/etc/hostname"}]
    monkeypatch.setattr(ledger, "read", lambda *_: [])

    def touched(path: Any, *_: Any, **__: Any) -> Any:
        assert not str(path).startswith(data), "would hang on a dead mount"
        return real(path)

    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", touched)
    docker: Docker = Away()  # type: ignore[assignment]
    facts = doctor_facts.gather(config, docker, run=lambda _: None)
    assert facts["data"] == {"present": False, "inside": [], "hardlink_error": None}
    assert not [path for path in facts["files"] if path.startswith(data)]
    assert data not in facts["disks"]


def test_disks_are_counted_once_per_file_system(config: dict[str, Any]) -> None:
    Path(config["paths"]["program"]).mkdir(parents=True)
    found = doctor_probes.disks(config, {"DockerRootDir": "/nowhere"}, with_data=True)
    assert list(found) == [config["paths"]["program"]]
    status = os.statvfs(config["paths"]["program"])
    assert found[config["paths"]["program"]]["total_inodes"] == status.f_files


def test_the_oldest_waiting_message_counts(config: dict[str, Any]) -> None:
    assert doctor_probes.spool_age(config, house.NOW) == 0
    new = Path(config["paths"]["state"], "spool/new")
    new.mkdir(parents=True)
    for name, age in (("1-0.json", 50), ("1-1.json", 4000), ("1-2.tmp", 9000)):
        # Touched now, as by a sender that folded something in: only the name tells the age.
        (new / f"{int((house.NOW - age) * 1e9):020}-{name}").touch()
    (new / "stranger.json").touch()
    assert doctor_probes.spool_age(config, house.NOW) == pytest.approx(4000)
