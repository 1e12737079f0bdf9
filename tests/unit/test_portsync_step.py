"""The port is Gluetun's, whoever changed it; told once; and somebody listens on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediastack import portsync_step

RIGHT = {"port": 40000, "random": False, "upnp": False, "interface": "tun0"}


def observed(**changes: Any) -> Any:
    return {
        "forwarded": 40000,
        "client": dict(RIGHT),
        "login": False,
        "tried": "",
        "owner": "1",
        "torrent": "1",
        "password": "a",
        "device": 5,
        "listening": True,
        "fresh": False,
        "trouble": "",
        **changes,
    }


def settled(**changes: Any) -> dict[str, Any]:
    state = {**portsync_step.initial_state(), "port": 40000}
    return {**state, "listens": {"torrent": "1", "device": 5}, **changes}


def step(seen: Any, state: Any = None, now: float = 100.0) -> tuple[list[Any], Any]:
    actions, after = portsync_step.step(
        seen, settled() if state is None else state, now, interface="tun0", alarm_seconds=900.0
    )
    return actions, json.loads(json.dumps(after))


def did(actions: list[Any], what: str) -> list[Any]:
    return [one for one in actions if one["do"] == what]


def test_when_both_agree_nothing_is_done() -> None:
    actions, after = step(observed())
    assert actions == [] and step(observed(), after, 200.0) == ([], after)


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"port": 6881}, {"listen_port": 40000, "random_port": False}),
        ({"port": 0, "random": True}, {"listen_port": 40000, "random_port": False}),
        ({"upnp": True}, {"upnp": False}),
        ({"interface": "eth0"}, {"current_network_interface": "tun0"}),
        ({"interface": ""}, {"current_network_interface": "tun0"}),
    ],
)
def test_any_difference_is_mended_and_written_down_when_it_is_gone(
    changes: dict[str, Any], values: dict[str, Any]
) -> None:
    actions, state = step(observed(client={**RIGHT, **changes}))
    assert actions == [{"do": "change", "values": values}]
    actions, state = step(observed(), state, 101.0)
    (record,) = actions
    assert (record["outcome"], record["duration_seconds"]) == ("port mended", 1.0)


def test_a_new_port_is_told_once_both_have_it_and_not_before() -> None:
    seen = observed(forwarded=50000)
    actions, state = step(seen)
    assert [one["do"] for one in actions] == ["change"]
    again, state = step(seen, state, 103.0)
    assert again == actions
    actions, state = step(observed(forwarded=50000, client={**RIGHT, "port": 50000}), state, 104.0)
    assert did(actions, "record")[0]["details"] == {"from": 40000, "to": 50000}
    assert did(actions, "record")[0]["duration_seconds"] == 4.0
    assert "50000; it was 40000" in did(actions, "tell")[0]["message"]
    assert did(actions, "tell")[0]["priority"] == 3 and state["port"] == 50000


@pytest.mark.parametrize("forwarded", [0, None])
def test_without_a_port_qbittorrent_is_left_as_it_is(forwarded: int | None) -> None:
    for client in (None, {**RIGHT, "port": 1}):
        assert step(observed(forwarded=forwarded, client=client))[0] == []


def test_no_port_for_long_is_told_once_and_its_end_too() -> None:
    without = observed(forwarded=None, client=None, trouble="refuses our key (401)")
    _, state = step(without, now=100.0)
    assert step(without, state, 999.0)[0] == []
    actions, state = step(without, state, 1001.0)
    assert "401" in did(actions, "tell")[0]["message"] and did(actions, "tell")[0]["priority"] == 4
    assert step(without, state, 5000.0)[0] == []
    actions, state = step(observed(), state, 5001.0)
    assert did(actions, "tell")[0]["priority"] == 3 and state["told"] == []


def test_a_gluetun_that_was_stopped_is_no_alarm() -> None:
    _, state = step(observed(forwarded=None, client=None, owner=""), now=100.0)
    assert step(observed(forwarded=None, client=None, owner=""), state, 5000.0)[0] == []


def test_a_port_that_does_not_get_in_is_told_once_and_its_end_too() -> None:
    away = observed(client=None, trouble="does not answer")
    _, state = step(away, now=100.0)
    actions, state = step(away, state, 1001.0)
    assert "does not answer" in did(actions, "tell")[0]["message"]
    assert step(away, state, 3000.0)[0] == []
    actions, state = step(observed(), state, 3001.0)
    assert len(did(actions, "tell")) == 1 and state["told"] == []
    stopped = observed(client=None, torrent="")
    _, state = step(stopped, now=100.0)
    assert step(stopped, state, 5000.0)[0] == []


def test_a_rebuilt_tunnel_makes_it_listen_anew_by_way_of_port_0() -> None:
    rebuilt = observed(device=7)
    actions, state = step(rebuilt)
    assert actions == [{"do": "change", "values": {"listen_port": 0, "random_port": False}}]
    # Killed before it was made: the same again.
    assert step(rebuilt, state)[0] == actions
    actions, state = step(observed(device=7, client={**RIGHT, "port": 0, "random": True}), state)
    assert did(actions, "change")[0]["values"]["listen_port"] == 40000
    actions, state = step(rebuilt, state)
    assert [one["outcome"] for one in did(actions, "record")] == ["listens anew"]
    assert did(actions, "tell") == [] and state["listens"] == {"torrent": "1", "device": 7}
    assert step(rebuilt, state)[0] == []


def test_while_the_tunnel_is_away_nothing_is_made_anew() -> None:
    assert step(observed(device=0))[0] == []


def test_a_qbittorrent_that_was_seen_to_start_listens_where_the_tunnel_was_then() -> None:
    actions, state = step(observed(torrent="2", device=7, client=None, forwarded=0))
    assert actions == []
    assert step(observed(torrent="2", device=7), state)[0] == []
    assert did(step(observed(torrent="2", device=8), state)[0], "change")


def test_a_qbittorrent_that_was_not_seen_to_start_is_made_to_listen_once() -> None:
    unknown = observed(torrent="2", fresh=True)
    actions, state = step(unknown)
    assert did(actions, "change")[0]["values"]["listen_port"] == 0
    _, state = step(observed(torrent="2", fresh=True, client={**RIGHT, "port": 0}), state)
    _, state = step(unknown, state)
    assert step(unknown, state)[0] == []


def test_nobody_who_listens_is_mended_after_a_moment_and_then_less_and_less_often() -> None:
    deaf, state, mends = observed(listening=False), settled(), []
    for now in range(100, 400):
        actions, state = step(deaf, state, float(now))
        if did(actions, "change"):
            mends.append(now)
            _, state = step(observed(client={**RIGHT, "port": 0}, listening=False), state, now)
    assert mends[0] == 102
    pauses = [after - before for before, after in zip(mends, mends[1:], strict=False)]
    assert pauses == sorted(pauses) and pauses[0] >= 10 and len(mends) < 7
    assert step(observed(), state, 401.0)[1]["deaf"] is None


def test_somebody_who_fights_for_the_port_is_told_of_once() -> None:
    state, told, records = settled(), 0, 0
    for now in range(100, 400, 3):
        _, state = step(observed(client={**RIGHT, "port": 6881}), state, float(now))
        actions, state = step(observed(), state, float(now) + 1)
        told += len(did(actions, "tell"))
        records += len(did(actions, "record"))
    assert told == 1 and records < 15
    actions, state = step(observed(), state, 4100.0)
    assert len(did(actions, "tell")) == 1 and state["told"] == []


def test_a_login_is_made_when_it_is_needed_for_a_port_only() -> None:
    needed = observed(client=None, login=True)
    actions, state = step(needed)
    assert actions == [{"do": "login"}] and state["login"]["tries"] == 1
    assert step(observed(client=None, login=True, forwarded=0))[0] == []


def test_refused_twice_is_told_once_with_the_way_out_and_its_end_too() -> None:
    needed, state, tells = observed(client=None, login=True), settled(), []
    tried = ""
    for now in range(100, 2000):
        actions, state = step({**needed, "tried": tried}, state, float(now))
        tried = "refused" if did(actions, "login") else ""
        tells += did(actions, "tell")
    (told,) = tells
    assert "web_password" in told["message"] and state["login"]["tries"] == 2
    actions, state = step({**needed, "password": "b"}, state, 2001.0)
    assert [one["do"] for one in actions] == ["login"] and state["told"] == ["login"]
    actions, state = step(observed(password="b", tried="ok"), state, 2002.0)
    assert [one["title"] for one in did(actions, "tell")] == [
        "qBittorrent takes our password again"
    ]


def test_another_boot_keeps_what_was_told_and_forgets_every_moment() -> None:
    state = settled(boot="a", told=["port"], since={"port": 9e9})
    assert portsync_step.of_this_boot(state, "a") == state
    after = portsync_step.of_this_boot(state, "b")
    assert (after["port"], after["told"]) == (40000, ["port"])
    assert after["since"] == {} and after["listens"] is None and after["boot"] == "b"
    assert portsync_step.of_this_boot({}, "b")["port"] is None
