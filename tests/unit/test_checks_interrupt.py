"""checks/interrupt.py: where a deploy is cut down, what is undone, what no kill may leave."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checks import damage, interrupt, kills
from checks.framework import Context
from checks.interrupt import KILLS, OPERATIONS, POWER_CUTS, points
from checks.kills import KINDS, POWER

CONFIG: dict[str, Any] = {
    "paths": {"etc": "/etc/mediastack", "program": "/opt/mediastack"},
    "files": [{"path": f"/opt/mediastack/{n}", "kind": "file"} for n in range(60)]
    + [{"path": path, "kind": "file"} for path in ("/data/x", "/etc/docker/daemon.json")],
    "services": {name: {"owner": name == "g"} for name in "abcdg"},
    "secrets": [
        {"service": "prowlarr", "name": "api_key", "origin": "generated"},
        {"service": "x", "name": "copy", "origin": "copy"},
        {"service": "gluetun", "name": "key", "origin": "user"},
    ],
}


def seeded(number: int) -> random.Random:
    return random.Random(number)  # noqa: S311 - choices of a test


@pytest.mark.parametrize("seed", range(20))
def test_every_operation_and_every_kind_gets_its_kills_in_the_order_of_a_deploy(seed: int) -> None:
    rounds = points(seeded(seed), KILLS)
    flat = [one for several in rounds for one in several]
    assert len(flat) == KILLS
    assert {one.operation for one in flat} == set(OPERATIONS)
    assert {one.kind for one in flat} == {*KINDS, POWER}
    assert sum(one.kind == POWER for one in flat) == POWER_CUTS
    assert all(0 <= one.fraction < 1 for one in flat)
    for several in rounds:
        order = [OPERATIONS.index(one.operation) for one in several]
        assert order == sorted(set(order))
    assert rounds == points(seeded(seed), KILLS)


def test_one_operation_alone_is_cut_down_several_times_a_round() -> None:
    rounds = points(seeded(1), 6, ("Base | Packages",))
    assert [len(several) for several in rounds] == [3, 3]
    assert POWER not in {one.kind for several in rounds for one in several}


def test_what_is_undone_leaves_the_media_and_the_users_secrets_alone() -> None:
    commands = damage.commands(seeded(1), CONFIG, heavy=True, package=True)
    text = "\n".join(commands)
    assert "/data/x" not in text
    assert "gluetun/key" not in text
    assert "secrets/x/copy" in text
    assert "remove -y python3-venv" in text
    light = "\n".join(damage.commands(seeded(1), CONFIG, heavy=False, package=False))
    assert "remove -y python3-venv" not in light
    assert "network rm" not in light
    assert damage.HALF_CONFIGURED in light


def test_half_a_file_and_another_secret_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    path, secret = "/opt/mediastack/1", "/etc/mediastack/secrets/prowlarr/api_key"
    files = {entry["path"]: ["mode", 0, 0, "new"] for entry in CONFIG["files"]}
    now: dict[str, str | None] = dict.fromkeys(files, "old")

    def inside(_host: Any, _program: str, paths: list[str]) -> dict[str, str | None]:
        return {one: now.get(one) for one in paths}

    monkeypatch.setattr(interrupt.box, "inside", inside)
    context = Context(name="interrupt")
    watch = interrupt.Watch(context, {"config": CONFIG, "state": {"files": files}})
    watch.begin()
    now |= {path: "new", secret: "first"}
    watch.look("a kill")
    assert context.violations == []
    now |= {path: "ne", secret: "second"}
    watch.look("a kill")
    assert context.violations == [
        f"{path} is half a file after a kill",
        f"{secret} is another secret after a kill",
    ]


def test_a_point_is_named_with_all_that_repeats_it() -> None:
    assert str(kills.Point("Base | Account", 0.25, "both")) == "Base | Account at 0.25 (both)"
