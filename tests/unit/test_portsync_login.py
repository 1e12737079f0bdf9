"""Whatever happens: fewer than five failed logins per start of qBittorrent."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from test_portsync_step import observed

from mediastack import portsync_login


def needed(**changes: Any) -> Any:
    return observed(client=None, login=True, **changes)


def tries(seconds: int, result: str, **changes: Any) -> list[int]:
    login, tried, found = portsync_login.initial_state(), "", []
    for now in range(seconds):
        login = portsync_login.settle(login, needed(tried=tried, **changes), float(now))
        tried = ""
        if portsync_login.due(login, now):
            login = portsync_login.attempt(login, float(now))
            tried = result
            found.append(now)
    return found


def test_a_refused_password_is_tried_twice_then_after_an_hour_and_once_more() -> None:
    found = tries(20_000, "refused")
    assert len(found) == 4
    assert found[1] - found[0] <= 3 and all(b - a >= 3600 for a, b in itertools.pairwise(found[1:]))


def test_a_lost_answer_counts_and_an_unsent_login_does_not() -> None:
    assert len(tries(20_000, "lost")) == portsync_login.MAXIMUM_TRIES
    assert len(tries(100, "unsent")) > 30
    assert len(tries(100, "strange")) > 30


def test_a_ban_is_sat_out() -> None:
    found = tries(9000, "banned")
    assert len(found) == 3 and all(b - a > 3600 for a, b in itertools.pairwise(found))


def test_a_good_login_forgets_what_failed() -> None:
    login = {**portsync_login.initial_state(), "torrent": "1", "password": "a", "tries": 3}
    assert portsync_login.settle(login, needed(tried="ok"), 9.0)["tries"] == 0


def test_a_restart_forgets_but_for_a_try_that_may_have_met_the_new_one() -> None:
    login = {**portsync_login.initial_state(), "torrent": "1", "password": "a", "tries": 4}
    login |= {"refused": 2, "stuck": "x"}
    unsure = {**login, "unsure": 1}
    assert portsync_login.settle(unsure, needed(torrent="2"), 101.0)["tries"] == 1
    seen = portsync_login.settle(unsure, needed(torrent="1"), 101.0)
    assert portsync_login.settle(seen, needed(torrent="2"), 102.0)["tries"] == 0
    after = portsync_login.settle(login, needed(torrent="2"), 900.0)
    assert after["tries"] == 0 and portsync_login.due(after, 900.0)
    for unknown in (None, ""):
        assert portsync_login.settle(login, needed(torrent=unknown), 900.0)["tries"] == 4


@pytest.mark.parametrize("seed", range(200))
def test_no_order_of_events_reaches_five_failures(seed: int) -> None:
    draw = random.Random(seed)
    login, tried, failures, start, password = portsync_login.initial_state(), "", 0, 1, 1
    now = 0.0
    for _ in range(400):
        now += draw.choice((0.1, 1.0, 5.0, 100.0, 4000.0))
        # Docker may not answer.
        shown = draw.choice((str(start), str(start), None))
        password += draw.random() < 0.1
        login = portsync_login.settle(
            login, needed(tried=tried, torrent=shown, password=str(password)), now
        )
        tried = ""
        if draw.random() < 0.05:
            # After it was looked at, and before the try.
            start, failures = start + 1, 0
        if portsync_login.due(login, now):
            login = portsync_login.attempt(login, now)
            failures += 1
            # Killed: nobody hears what came of it.
            tried = draw.choice(("refused", "refused", ""))
        assert failures < 5
