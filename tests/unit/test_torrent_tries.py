"""portsync and the disk guard together never try the login that bans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from mediastack import portsync_login, torrent_tries

BAN = 5


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    return {"state": str(tmp_path), "runtime": str(tmp_path / "run")}


def write(paths: dict[str, str], name: str, **login: Any) -> None:
    known = {"tries": 0, "unsure": 0, "torrent": "1", **login}
    Path(paths["state"], name).write_text(json.dumps({"login": known}))


@pytest.mark.parametrize(
    ("own", "other", "made"),
    [
        ({"tries": 1}, {}, True),
        ({"tries": 4}, {}, True),
        ({"tries": 1}, {"tries": 3}, True),
        ({"tries": 1}, {"tries": 4}, False),
        ({"tries": 2}, {"tries": 3}, False),
        # Those of an earlier start are forgotten, but for the ones at its end.
        ({"tries": 2}, {"tries": 3, "torrent": "0"}, True),
        ({"tries": 2}, {"tries": 3, "torrent": "0", "unsure": 3}, False),
    ],
)
@pytest.mark.parametrize("name", torrent_tries.BOOKS)
def test_a_try_is_made_when_all_books_together_allow_it(
    paths: dict[str, str], name: str, own: dict[str, Any], other: dict[str, Any], made: bool
) -> None:
    for book in torrent_tries.BOOKS:
        write(paths, book, **(own if book == name else other))
    assert torrent_tries.attempt(paths, name, lambda: "ok") == ("ok" if made else "unsent")


def test_a_book_that_is_absent_or_damaged_counts_nothing(paths: dict[str, str]) -> None:
    write(paths, "disk_guard.json", tries=1)
    Path(paths["state"], "portsync.json").write_text('{"login": 7}')
    assert torrent_tries.attempt(paths, "disk_guard.json", lambda: "refused") == "refused"


@given(order=st.lists(st.sampled_from(torrent_tries.BOOKS), max_size=12))
@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_order_of_tries_reaches_the_ban(paths: dict[str, str], order: list[str]) -> None:
    """Each counts before it tries, as both programs do; all are refused."""
    failed, books = 0, {name: portsync_login.initial_state() for name in torrent_tries.BOOKS}
    for name in torrent_tries.BOOKS:
        books[name]["torrent"] = "1"
        write(paths, name, **books[name])
    for name in order:
        if not portsync_login.due(books[name], 1e9):
            continue
        books[name] = portsync_login.attempt(books[name], 0.0)
        write(paths, name, **books[name])
        said = torrent_tries.attempt(paths, name, lambda: "refused")
        failed += said == "refused"
        if said == "unsent":
            books[name]["tries"] -= 1
            write(paths, name, **books[name])
    assert failed < BAN
