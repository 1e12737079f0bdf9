"""care: damage is found, nothing goes from what is damaged, and never what was proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backup_house import (
    Message,
    furnish,
    held,
    listening,
    local,
    placed,
    ran,
    report,
)
from skips import needs_restic

from mediastack.backup import care, repository_files, restic, snapshots
from mediastack.backup import report as reports
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch, keep_daily=1, keep_weekly=0, keep_monthly=0)


def with_backups(config: dict[str, Any], *hosts: str) -> list[str]:
    """A repository with a backup a day, by these hosts in turn; return their ids."""
    placed(config)
    file = Path(config["paths"]["etc"], "changing")
    for number, day in enumerate(DAYS):
        host = hosts[number % len(hosts)] if hosts else "here"
        file.write_text(day * 1000)
        ran(config, "backup", "--tag", "mediastack", "--host", host,
            "--time", f"{day} 12:00:00", str(file))  # fmt: skip
    return [one["id"] for one in held(config)]


def asked(monkeypatch: pytest.MonkeyPatch, **bad: ResticError) -> list[str]:
    """A restic on paper that fails in these commands; return the commands."""
    said: list[str] = []

    def run(_target: Target, arguments: list[str], **_: Any) -> restic.Answer:
        said.append(" ".join(arguments))
        if arguments[0] in bad:
            raise bad[arguments[0]]
        return restic.Answer([], [])

    monkeypatch.setattr(restic, "run", run)
    return said


@needs_restic
def test_what_is_no_longer_wanted_goes_and_the_rest_is_whole(
    config: dict[str, Any], tmp_path: Path
) -> None:
    ids = with_backups(config)
    care.look_after(config, local(config))
    assert [one["id"] for one in held(config)] == ids[-1:]
    entry = report(config)["targets"]["local"]
    assert entry["cared_at"] and (entry["care_error"], entry["care_tries"]) == ("", 0)
    ran(config, "check", "--read-data")
    ran(config, "restore", "latest", "--target", str(tmp_path / "out"))
    found = tmp_path / "out" / str(tmp_path / "etc/changing").lstrip("/")
    assert found.read_text() == DAYS[-1] * 1000


@needs_restic
def test_the_proven_one_and_the_last_saved_one_stay(config: dict[str, Any]) -> None:
    ids = with_backups(config)
    reports.note(proven={"at": "2026-01-02", "snapshot": ids[1], "target": "local"})
    reports.note_target("local", snapshot=ids[2][:8])
    assert care.prune(config, local(config)) == {ids[0]}
    assert [one["id"] for one in held(config)] == ids[1:]


@needs_restic
def test_what_was_proven_elsewhere_protects_nothing_here(config: dict[str, Any]) -> None:
    ids = with_backups(config)
    reports.note(proven={"at": "2026-01-02", "snapshot": ids[1], "target": "nas"})
    assert care.prune(config, local(config), dry_run=True) == set(ids[:-1])
    assert len(held(config)) == len(DAYS)


@needs_restic
def test_in_a_shared_repository_others_keep_their_own(config: dict[str, Any]) -> None:
    ids = with_backups(config, "here", "neighbour")
    shared = local(config)._replace(name="nas")
    assert care.prune(config, shared) == {ids[0]}
    assert [one["hostname"] for one in held(config)] == ["neighbour", "here", "neighbour"]
    # In the local one nobody but this machine writes, whatever it was called.
    assert care.prune(config, local(config)) == {ids[1], ids[2]}


@needs_restic
def test_snapshots_of_other_programs_stay(config: dict[str, Any]) -> None:
    placed(config)
    for _ in range(3):
        ran(config, "backup", "--host", "here", config["paths"]["etc"])
    assert care.prune(config, local(config)) == set()
    assert len(held(config)) == 3


@needs_restic
def test_damage_is_found_told_and_nothing_is_removed(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Message] = listening(monkeypatch)
    with_backups(config)
    key = next((tmp_path / "backups/restic/keys").iterdir())
    key.chmod(0o600)
    # A restic before 0.17 sees nothing: what the file says of its maker is not sealed.
    key.write_text(key.read_text().replace('"username":"root"', '"username":"rood"'))
    with pytest.raises(ResticError) as found:
        care.look_after(config, local(config))
    assert found.value.kind == "damaged"
    assert len(list((tmp_path / "backups/restic/snapshots").iterdir())) == len(DAYS)
    assert [one.title for one in told] == ["here: backup failed (care of local)"]
    assert report(config)["targets"]["local"]["care_error"] == str(found.value)


@needs_restic
def test_a_data_file_with_a_turned_bit_is_found_by_a_full_check(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with_backups(config)
    path = next(one for one in (tmp_path / "backups/restic/data").rglob("*") if one.is_file())
    path.chmod(0o600)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(ResticError) as found:
        care.check(local(config))
    assert found.value.kind == "damaged"


def test_an_append_only_remote_is_read_and_never_pruned(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asked(monkeypatch)
    monkeypatch.setattr(repository_files, "problems", lambda *_, **__: [])
    care.look_after(config, local(config)._replace(name="nas", append_only=True))
    assert [one.split()[0] for one in said] == ["check"]
    assert report(config)["targets"]["nas"]["cared_at"]


def test_it_is_read_before_anything_goes(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asked(monkeypatch)
    monkeypatch.setattr(repository_files, "problems", lambda *_, **__: [])
    found = [snapshots.Snapshot(f"{day:064d}", f"2026-01-{day:02d}T00:00:00.000+00:00", "here", ())
             for day in range(1, 5)]  # fmt: skip
    monkeypatch.setattr(snapshots, "listed", lambda _: found)
    care.look_after(config, local(config))
    assert [one.split()[0] for one in said] == ["check", "forget", "prune"]
    assert said[1].split()[1:] == [one.id for one in found[:3]]


def test_a_prune_that_was_killed_is_made_though_nothing_is_to_be_forgotten(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asked(monkeypatch)
    monkeypatch.setattr(snapshots, "listed", lambda _: [])
    care.prune(config, local(config))
    assert said == ["prune"]


def test_failing_care_is_counted_and_told_when_it_does_not_pass(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = listening(monkeypatch)
    asked(monkeypatch, check=ResticError("unreachable", "nas: is away"))
    for _ in range(5):
        with pytest.raises(ResticError):
            care.look_after(config, local(config)._replace(name="nas"))
    entry = report(config)["targets"]["nas"]
    assert entry["care_tries"] == 5 and "is away" in entry["care_error"]
    assert len(told) == 1


@pytest.mark.parametrize("percent", [1, 5, 7, 33, 50, 100])
def test_in_time_all_of_it_is_read(percent: int) -> None:
    weeks = [care.part(percent, week * care.WEEK_SECONDS + 5) for week in range(300)]
    count = int(weeks[0].partition("/")[2])
    assert set(weeks) == {f"{part}/{count}" for part in range(1, count + 1)}
    assert len(set(weeks[:count])) == count <= 256
    assert 100 / count >= percent * 0.7
