"""The check `bitflip`: its faults cover its cases, and a flip is one bit and is undone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from checks import bitflip
from checks.bitflip_house import ANYWHERE, KINDS, House, digests, flipped


def test_every_case_has_a_fault_that_it_must_notice() -> None:
    assert {one.case for one in bitflip.BREAKS.values()} == set(bitflip.CASES)
    assert all(one.summary for one in bitflip.BREAKS.values())


def test_a_flip_is_one_bit_and_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    path.write_bytes(bytes(range(100)))
    path.chmod(0o400)
    before = path.stat().st_mtime_ns
    with flipped(path, 17, 5):
        found = path.read_bytes()
        assert [(a, b) for a, b in zip(found, range(100), strict=True) if a != b] == [(17 ^ 32, 17)]
    assert path.read_bytes() == bytes(range(100)) and path.stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", [ANYWHERE, *KINDS])
def test_a_place_is_a_byte_of_such_a_file(tmp_path: Path, kind: str) -> None:
    house = House(tmp_path, 1)
    for name in ("config", "keys/a", "snapshots/b", "index/c", "data/dd/d", "data/ee/e"):
        path = house.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 300)
    with (house.repository / "data/ee/e").open("wb") as stream:
        stream.truncate(5 << 20)
    house.spare = [house.repository / "data/dd/d"]
    names = set()
    for seed in range(40):
        path, offset = house.place(kind, random.Random(seed))
        assert 0 <= offset < path.stat().st_size
        assert kind != "end of a pack" or offset >= path.stat().st_size - 200
        names.add(str(path.relative_to(house.repository)).partition("/")[0])
    expected = {"needed": {"data"}, "spare": {"data"}, "end of a pack": {"data"}}
    assert names <= expected.get(kind, {kind} if kind else {"config", "keys", "snapshots", "index",
                                                           "data"})  # fmt: skip


def test_a_damaged_database_has_another_digest_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database")
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / ".mediastack-backup").mkdir()
    (tmp_path / ".mediastack-backup/x").write_text("ours")
    assert set(digests(tmp_path)) == {"a.db", "b.txt"}
