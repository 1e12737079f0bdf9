"""A bare host becomes the house of its backup, whatever interrupts it; any other is left alone."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rebuild_house import DIGEST, KEY, NEW, NEWEST, OLDER, PASSWORD, TRIED, House, Taken, tree

from mediastack import clock, secrets
from mediastack.backup.restic import ResticError
from mediastack.restore import extract, rebuild, rebuild_fetch, rebuild_state, swap
from mediastack.restore.rebuild_state import RebuildError
from mediastack.secret_files import SecretError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others, as root does")
# Not a part of what was rebuilt: times, and locks that are only held.
NOISE = ("rebuild.json", "ledger.jsonl", "ledger.jsonl.lock", "backup.lock")
# Every other one, for the time it takes; the steps that are left out differ with each change.
STRIDE = 2
STEPS = ("mkdir", "rename", "replace", "chown", "lchown", "chmod", "fchmod", "unlink", "rmdir",
         "symlink", "link", "fsync")  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    house = House(tmp_path)
    house.deploy_before()
    house.use(monkeypatch)
    return house


def owner(path: str) -> tuple[int, int, int]:
    seen = os.lstat(path)
    return seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)


def test_a_bare_host_has_every_tree_with_the_owners_of_this_house(house: House) -> None:
    rebuild.rebuild(house.order())
    config = house.paths["config"]
    assert Path(f"{config}/sonarr/app.db").read_text() == f"rows of sonarr in {NEWEST}"
    assert owner(f"{config}/sonarr/app.db") == (*NEW, 0o640)
    assert owner(f"{config}/sonarr/second-name") == (*NEW, 0o640)
    assert owner(f"{config}/sonarr/link")[:2] == NEW
    assert owner(f"{config}/sonarr/deep/set-id") == (*NEW, 0o4750)
    assert owner(f"{config}/sonarr/deep/of-root") == (0, 0, 0o600)
    assert owner(f"{config}/sonarr/deep/of-another") == (33, 33, 0o644)
    assert owner(f"{config}/seerr/app.db") == (1000, 1000, 0o640)


def test_a_service_that_is_no_more_keeps_its_state_and_follows_the_numbers(house: House) -> None:
    # 1000 became 2000 for sonarr and stayed 1000 for seerr: nobody can tell, so it stays.
    rebuild.rebuild(house.order())
    assert owner(f"{house.paths['config']}/lidarr/app.db") == (1000, 1000, 0o640)


def test_secrets_are_those_of_the_backup_each_with_its_reader(house: House) -> None:
    rebuild.rebuild(house.order())
    directory = f"{house.paths['etc']}/secrets"
    assert Path(f"{directory}/sonarr/api_key").read_text() == KEY
    assert owner(f"{directory}/sonarr/api_key") == (*NEW, 0o400)
    assert owner(directory)[2] == 0o700
    assert Path(f"{directory}/.salt-key").read_text() == "5a17"


def test_the_image_lock_is_of_what_the_state_was_made_by(house: House) -> None:
    rebuild.rebuild(house.order())
    lock = json.loads(Path(f"{house.paths['state']}/images.lock").read_text())["services"]
    assert (lock["sonarr"]["digest"], lock["sonarr"].get("trial")) == (TRIED, None)
    assert (lock["seerr"]["digest"], lock["seerr"].get("trial")) == (DIGEST, None)


def test_the_next_backup_is_due_at_once_and_the_kit_stays_confirmed(house: House) -> None:
    rebuild.rebuild(house.order())
    report = json.loads(Path(f"{house.paths['state']}/backup.json").read_text())
    assert (report["targets"], report["kit"]) == ({}, {"of": "x"})


def test_state_of_an_account_of_ours_belongs_to_its_directory(house: House) -> None:
    updater = Path(house.paths["state"]) / "updater"
    updater.mkdir()
    os.chown(updater, 123, 124)
    rebuild.rebuild(house.order())
    assert owner(str(updater / "refused.json"))[:2] == (123, 124)


def test_managed_directories_are_as_the_deploy_wants_them(house: House) -> None:
    before = {e["path"]: owner(e["path"]) for e in house.config["files"]}
    rebuild.rebuild(house.order())
    assert {path: owner(path) for path in before} == before


def test_nothing_waits_any_more_and_no_password_is_left(house: House) -> None:
    rebuild.rebuild(house.order())
    assert not [path for path in tree(house.top) if "mediastack-rebuild" in path]
    assert not os.path.exists(f"{house.paths['runtime']}/rebuild")
    for path in tree(house.top):
        full = house.top / path
        assert not full.is_file() or PASSWORD.encode() not in full.read_bytes()


def test_the_password_is_in_a_file_for_root_alone_while_it_lasts(house: House) -> None:
    rebuild.rebuild(house.order(environment="AWS_ACCESS_KEY_ID=x"))
    ((content, mode, environment),) = house.passwords
    assert (content, mode) == (PASSWORD, 0o600)
    assert environment.startswith(house.paths["runtime"])


def test_a_second_rebuild_does_nothing(house: House) -> None:
    rebuild.rebuild(house.order())
    before = tree(house.top)
    assert rebuild.check(house.order()) == {"due": [], "note": ""}
    assert rebuild.rebuild(house.order()) == {"changed": []}
    assert tree(house.top) == before


def test_a_host_that_has_secrets_is_left_alone(house: House) -> None:
    Path(f"{house.paths['etc']}/secrets/.salt-key").write_text("mine")
    before = tree(house.top, without=NOISE)
    found = rebuild.check(house.order())
    assert found["due"] == []
    assert "left aside" in found["note"]
    assert rebuild.rebuild(house.order()) == {"changed": []}
    assert tree(house.top, without=NOISE) == before


def test_half_a_house_is_refused_with_what_to_do(house: House) -> None:
    Path(f"{house.paths['config']}/sonarr/config.xml").write_text("mine")
    with pytest.raises(RebuildError, match="half of a house; fix: move"):
        rebuild.rebuild(house.order())
    assert Path(f"{house.paths['config']}/sonarr/config.xml").read_text() == "mine"
    assert house.extracted == []


def killed_at(house: House, number: int) -> bool:
    """Die, as by SIGKILL, before the step of this number; False when it never came."""
    child = os.fork()
    if child == 0:
        left = [number]
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                real = getattr(os, name)

                def step(*arguments: Any, _real: Any = real, **more: Any) -> Any:
                    left[0] -= 1
                    if left[0] < 0:
                        os._exit(9)
                    return _real(*arguments, **more)

                patch.setattr(os, name, step)
            try:
                rebuild.rebuild(house.order())
            except BaseException:
                os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"killed at {number}: ended with {code}"
    return code == 9


def bare_houses(top: Path) -> Iterator[House]:
    number = 0
    while True:
        house = House(top / str(number))
        (top / str(number)).mkdir()
        house.deploy_before()
        yield house
        number += 1


def test_killed_at_any_step_and_run_again_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A death of the process alone: what it wrote is there, so nothing has to wait for the disk.
    monkeypatch.setattr(swap, "to_disk", lambda where: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(clock, "timestamp", lambda *arguments: "2026-11-28T12:00:00+00:00")
    houses = bare_houses(tmp_path)
    undisturbed = next(houses)
    undisturbed.use(monkeypatch)
    rebuild.rebuild(undisturbed.order())
    wanted = tree(undisturbed.top, without=("mediastack.toml", *NOISE))
    number = 0
    for number, house in zip(range(0, 10_000, STRIDE), houses, strict=False):
        house.use(monkeypatch)
        if not killed_at(house, number):
            break
        # A newer backup that came meanwhile is not mixed with the one that was begun.
        record = rebuild_state.read(house.config)
        if record.get("snapshot"):
            house.taken.append(Taken(OLDER, "2026-11-28T03:30:00+00:00", "old-host"))
        assert rebuild.check(house.order())["due"] or record.get("step") == "done"
        rebuild.rebuild(house.order())
        assert tree(house.top, without=("mediastack.toml", *NOISE)) == wanted, number
        assert rebuild.check(house.order())["due"] == []
    assert number > 80


def test_what_is_whole_is_not_fetched_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = extract.secrets

    def cut_off(*arguments: Any) -> None:
        raise ResticError("unreachable", "cut off")

    monkeypatch.setattr(extract, "secrets", cut_off)
    with pytest.raises(ResticError):
        rebuild.rebuild(house.order())
    monkeypatch.setattr(extract, "secrets", real)
    rebuild.rebuild(house.order())
    assert sorted(house.extracted) == sorted([*house.manifest["services"], "secrets", "state"])


def test_another_repository_than_it_was_begun_with_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = extract.state

    def cut_off(*arguments: Any) -> None:
        raise ResticError("unreachable", "cut off")

    monkeypatch.setattr(extract, "state", cut_off)
    with pytest.raises(ResticError):
        rebuild.rebuild(house.order())
    monkeypatch.setattr(extract, "state", real)
    house.taken = [Taken(OLDER, "2026-11-01T03:30:00+00:00", "old-host")]
    rebuild.rebuild(house.order(repository="/another"))
    app = Path(f"{house.paths['config']}/sonarr/app.db")
    assert app.read_text() == f"rows of sonarr in {OLDER}"


def test_no_secrets_are_made_beside_a_half_rebuilt_house(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "state", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rebuild.rebuild(house.order())
    with pytest.raises(SecretError, match="was begun and not brought to its end; fix: "):
        secrets.apply(house.config, {})
    assert os.listdir(f"{house.paths['etc']}/secrets") == []
    rebuild_state.give_up(house.config)
    assert rebuild_state.look(house.config).kind == "bare"
    assert not [path for path in tree(house.top) if "mediastack-rebuild" in path]


def test_a_backup_of_a_newer_release_is_refused_unless_it_was_asked_for(house: House) -> None:
    house.manifest["release"] = "0.3.0+abc"
    with pytest.raises(RebuildError, match="newer than 0.2.0-dev"):
        rebuild.rebuild(house.order())
    rebuild.rebuild(house.order(older=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "stdin: not a JSON object"),
        ("[]", "stdin: not a JSON object"),
        ('{"config": {}, "pass": "x"}', "stdin: not a JSON object"),
    ],
)
def test_the_verb_says_what_is_wrong_with_its_order_and_quotes_nothing(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert rebuild.main([]) == 1
    assert words in capsys.readouterr().err


def test_the_verb_knows_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert rebuild.main(["--dry-run"]) == 2
    assert "usage: mediastack rebuild" in capsys.readouterr().err


def test_the_verb_shows_no_password(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(house.order())))
    assert rebuild.main([]) == 0
    shown = capsys.readouterr()
    assert PASSWORD not in shown.out + shown.err
    assert json.loads(shown.out)["snapshot"] == NEWEST


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 3 * rebuild_fetch.BATCH_BYTES)))
def test_every_service_is_in_one_batch_and_only_a_big_one_alone_is_over_it(
    due: dict[str, int],
) -> None:
    made = list(rebuild_fetch.batches(due))
    assert sorted(name for batch in made for name in batch) == sorted(due)
    for batch in made:
        assert len(batch) == 1 or sum(due[name] for name in batch) <= rebuild_fetch.BATCH_BYTES
