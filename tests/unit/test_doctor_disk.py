"""What the doctor reads of the disk guard; what it says of that is in doctor_faults_host."""

from __future__ import annotations

import json
from pathlib import Path

from mediastack import doctor_disk


def test_the_guards_word_and_its_age_are_gathered(tmp_path: Path) -> None:
    config = {"disk": {"warn": "5%"}, "paths": {"runtime": str(tmp_path)}}
    assert doctor_disk.gather({"disk": {}}) == {}
    assert doctor_disk.gather(config, 500.0) == {"report": {}, "silent_seconds": 500.0}
    (tmp_path / "disk_guard.json").write_text(json.dumps({"boot_seconds": 490.0, "phase": "open"}))
    found = doctor_disk.gather(config, 500.0)
    assert found["silent_seconds"] == 10.0 and found["report"]["phase"] == "open"


def test_a_host_without_a_guard_is_not_judged() -> None:
    facts = {"disk_guard": {}}
    assert [check({}, facts) for check in doctor_disk.CHECKS] == [[], [], []]
