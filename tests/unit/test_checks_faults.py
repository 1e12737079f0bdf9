"""The faults for the smoke suite: enough classes, every check of the suite, no two that mix."""

from __future__ import annotations

import inspect
import random
import subprocess
from pathlib import Path

import pytest

from checks import faults, smoke_mutations, smoke_suite
from checks.faults import Fault, doctor
from mediastack.doctor import CHECKS
from tests.unit import smoke_house


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Fault]:
    expected, _ = smoke_house.build(tmp_path_factory.mktemp("house"))
    return smoke_mutations.known(expected)


def test_a_healthy_house_passes_the_suite_and_every_check_is_claimed_by_a_fault(
    tmp_path: Path, known: list[Fault]
) -> None:
    expected, observed = smoke_house.build(tmp_path)
    found = smoke_suite.judge(expected, observed)
    assert smoke_suite.complaints(found) == set()
    claimed = {name for one in known for name, _ in one.killers}
    assert claimed == {name for name, _ in found}
    asked = {key for one in known for key in one.killers}
    assert asked <= set(found)


def test_there_are_more_than_twenty_classes_and_hundreds_of_faults(known: list[Fault]) -> None:
    assert len({one.kind for one in known}) >= 20
    assert len(known) > 500
    assert len({(one.kind, one.subject) for one in known}) == len(known)


@pytest.mark.parametrize("seed", range(5))
def test_a_pick_has_every_class_and_full_has_all(known: list[Fault], seed: int) -> None:
    chosen = smoke_mutations.pick(known, 60, random.Random(seed))
    assert {one.kind for one in chosen} == {one.kind for one in known}
    assert len(chosen) >= 60 and len(set(chosen)) == len(chosen)
    assert set(smoke_mutations.pick(known, 0, random.Random(seed))) == set(known)


def test_rounds_hold_every_fault_once_and_none_that_could_be_mistaken(known: list[Fault]) -> None:
    planned = list(smoke_mutations.rounds(known))
    assert sorted(one for this in planned for one in this) == sorted(known)
    for this in planned:
        claims = [claim for one in this for claim in one.claims]
        assert len(claims) == len(set(claims))
        assert len(this) == 1 or not any(one.alone for one in this)


def test_what_was_edited_or_moved_comes_back_as_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_text("as it was")
    before = path.stat()
    for plant, undo in (faults.edited(str(path), f"echo x >'{path}'"), faults.moved(str(path))):
        subprocess.run(["bash", "-ec", plant], check=True)
        assert not path.exists() or path.read_text() == "x\n"
        subprocess.run(["bash", "-ec", undo], check=True)
        after = path.stat()
        assert path.read_text() == "as it was"
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    script = smoke_mutations.script(["true", "false # this one"]).replace("/run/", f"{tmp_path}/")
    done = subprocess.run(["bash", "-s"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 1 and "this one" in done.stderr


def test_the_doctor_says_what_each_smoke_check_says(tmp_path: Path) -> None:
    expected, observed = smoke_house.build(tmp_path)
    assert set(doctor.SAME) == {name for name, _ in smoke_suite.judge(expected, observed)}
    sources = "".join(inspect.getsource(inspect.getmodule(check)) for check in CHECKS)
    for names in doctor.SAME.values():
        for name in names:
            assert f'"{name}"' in sources


def test_the_doctor_agrees_only_about_the_same_subject() -> None:
    killers = (("containers.runs", "sonarr"),)
    assert doctor.agrees(killers, {("healthy", "sonarr")})
    assert not doctor.agrees(killers, {("healthy", "radarr"), ("mounts", "sonarr")})
    assert doctor.agrees((("containers.user", "sonarr"),), {("running", "sonarr")})
    assert doctor.agrees((("host.data", ""),), {("data", "/data")})
