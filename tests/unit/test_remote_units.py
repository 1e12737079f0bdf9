"""remote/units.py: what `systemctl show` says decides, and what runs decides a restart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from units_house import GOOD, HELPER, SPEC, TIMER, Systemctl, systemd

from remote import units


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Systemctl]:
    return systemd(tmp_path, monkeypatch)


def problems() -> dict[str, str]:
    return {one["path"]: one["problem"] for one in units.check(SPEC)}


def test_units_as_wanted_are_no_difference(system: Callable[..., Systemctl]) -> None:
    system(GOOD, TIMER, HELPER)
    assert problems() == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ActiveState": "inactive"}, "is inactive"),
        ({"ActiveState": "failed"}, "is failed"),
        ({"UnitFileState": "disabled"}, "is disabled"),
        ({"LoadState": "not-found", "UnitFileState": "", "ActiveState": "inactive"}, "not-found"),
        ({"LoadState": "masked", "UnitFileState": "masked"}, "masked"),
        ({"LoadState": "bad-setting"}, "bad-setting"),
    ],
)
def test_what_is_wrong_with_a_unit_is_told(
    system: Callable[..., Systemctl], change: dict[str, str], told: str
) -> None:
    system({**GOOD, **change}, TIMER, HELPER)
    assert problems() == {"mediastack-keeper.service": told}


def test_a_unit_on_its_way_up_is_no_difference(system: Callable[..., Systemctl]) -> None:
    system({**GOOD, "ActiveState": "activating"}, TIMER, HELPER)
    assert problems() == {}


def test_a_unit_that_systemctl_does_not_mention_is_a_difference(
    system: Callable[..., Systemctl],
) -> None:
    system(GOOD, HELPER)
    assert problems() == {"mediastack-doctor.timer": "unknown"}


def test_changed_unit_files_are_a_difference_also_of_a_helper(
    system: Callable[..., Systemctl],
) -> None:
    system(GOOD, TIMER, {**HELPER, "NeedDaemonReload": "yes"})
    assert problems() == {"systemd": "has not read the changed units"}


def test_a_value_with_an_equals_sign_is_read_whole(system: Callable[..., Systemctl]) -> None:
    system({**GOOD, "Description": "a=b"}, TIMER)
    assert units.show(["x"])["mediastack-keeper.service"]["Description"] == "a=b"


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ("0.1.0+old", {"mediastack-keeper.service": "runs an older release"}),
        ("0.1.0+new", {}),
        ("", {}),  # a process that is not ours to judge
    ],
)
def test_the_release_is_read_from_the_running_process(
    system: Callable[..., Systemctl], release: str, told: dict[str, str]
) -> None:
    environment = {"MEDIASTACK_RELEASE": release} if release else {}
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "input('ready')"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        # Only a program that has begun has its environment in /proc.
        assert sleeper.stdout is not None
        assert sleeper.stdout.read(1) == b"r"
        system({**GOOD, "MainPID": str(sleeper.pid)}, TIMER, HELPER)
        assert problems() == told
    finally:
        sleeper.communicate(b"\n")


@pytest.mark.parametrize(
    ("port", "told"),
    [("0", {}), ("9617", {"mediastack-keeper.service": "runs with other settings"})],
)
def test_settings_that_are_in_the_unit_are_read_from_the_running_process(
    system: Callable[..., Systemctl],
    monkeypatch: pytest.MonkeyPatch,
    port: str,
    told: dict[str, str],
) -> None:
    started = {"MEDIASTACK_RELEASE": "0.1.0+new", "PORT": "0"}
    monkeypatch.setattr(units, "running_with", lambda _, name: started.get(name, ""))
    called = system({**GOOD, "MainPID": "1"}, TIMER, HELPER).calls
    spec = {**SPEC, "environment": {"mediastack-keeper.service": {"PORT": port}}}
    assert {one["path"]: one["problem"] for one in units.check(spec)} == told
    units.apply(spec)
    assert called[1:] == ([["restart", "mediastack-keeper.service"]] if told else [])


def test_a_process_that_is_gone_has_no_release() -> None:
    assert units.running_release(2**22 + 1) == ""
    assert units.running_release(os.getpid()) == ""


def test_enabled_units_of_ours_that_left_the_table_are_found(
    system: Callable[..., Systemctl], tmp_path: Path
) -> None:
    wants = tmp_path / "timers.target.wants"
    wants.mkdir()
    for name in ("mediastack-gone.timer", "mediastack-doctor.timer", "other.timer"):
        (wants / name).symlink_to(tmp_path / "nowhere" / name)  # its file has been removed
    system(GOOD, TIMER, HELPER)
    assert problems() == {"mediastack-gone.timer": "no longer wanted"}


def test_a_leftover_is_stopped_although_its_file_is_gone_and_its_link_removed(
    system: Callable[..., Systemctl], tmp_path: Path
) -> None:
    wants = tmp_path / "timers.target.wants"
    wants.mkdir()
    (wants / "mediastack-gone.timer").symlink_to(tmp_path / "nowhere")
    called = system(GOOD, TIMER, HELPER).calls
    units.apply(SPEC)
    assert ["stop", "mediastack-gone.timer"] in called
    assert list(wants.iterdir()) == []
    assert problems() == {}


def test_only_what_differs_is_touched(system: Callable[..., Systemctl]) -> None:
    called = system(GOOD, {**TIMER, "ActiveState": "inactive"}, HELPER).calls
    units.apply(SPEC)
    assert called == [
        ["daemon-reload"],
        ["reset-failed", "mediastack-doctor.timer"],
        ["enable", "--quiet", "--now", "mediastack-doctor.timer"],
    ]


def test_a_masked_unit_is_unmasked_first(system: Callable[..., Systemctl]) -> None:
    called = system({**GOOD, "LoadState": "masked", "UnitFileState": "masked"}, TIMER, HELPER).calls
    units.apply(SPEC)
    assert [one[0] for one in called] == ["daemon-reload", "unmask", "reset-failed", "enable"]


def test_a_stale_daemon_is_restarted(
    system: Callable[..., Systemctl], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "running_release", lambda pid: "0.1.0+old")
    called = system({**GOOD, "MainPID": "1"}, TIMER, HELPER).calls
    assert units.apply(SPEC) == ["mediastack-keeper.service: runs an older release"]
    assert called == [["daemon-reload"], ["restart", "mediastack-keeper.service"]]


def test_new_unit_files_alone_need_a_reload_alone(system: Callable[..., Systemctl]) -> None:
    called = system({**GOOD, "NeedDaemonReload": "yes"}, TIMER, HELPER).calls
    units.apply(SPEC)
    assert called == [["daemon-reload"]]


def test_a_unit_that_was_given_other_secrets_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "CREDENTIALS", str(tmp_path))
    given, kept = tmp_path / "door.service", tmp_path / "kept"
    given.mkdir()
    (given / "token").write_text("one")
    kept.write_text("one")
    wanted = {"token": str(kept)}
    assert not units.stale_credentials("door.service", wanted)
    assert not units.stale_credentials("keeper.service", None)
    kept.write_text("two")
    assert units.stale_credentials("door.service", wanted)
    kept.write_text("one")
    assert units.stale_credentials("door.service", {**wanted, "more": str(kept)})
    kept.unlink()
    assert units.stale_credentials("door.service", wanted)
    assert units.stale_credentials("none.service", wanted)
