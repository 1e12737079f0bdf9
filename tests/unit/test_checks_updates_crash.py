"""updates-crash and image-lock: what counts as a mix, what is struck when, and faults that fit."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from checks import image_lock_check, updates_crash, updates_crash_faults
from checks import updates_crash_house as house
from checks.framework import Context
from checks.inside import update_watch
from checks.updates_crash_house import OWN, Version
from checks.updates_crash_judge import Record, Sides, ended_as, problems

FILES = Path(__file__).parents[2] / "files"
OLD, NEW = (Version(f"registry/crate:{n}", f"sha256:{n * 64}") for n in "12")
BAD = Sides(OLD, NEW, "old")
GOOD = Sides(OLD, NEW, "new")
ROWS = {"entries": [[1, 0.5, "mark"]], "starts": [[1, 0.1]]}
TREE = {".": ["0o40755", 1, 1], "lidarr.db": ["0o100644", 1, 1, "abc"]}


def standing(version: Version, *, starts: int = 1, **changes: Any) -> dict[str, Any]:
    """The state of a service that runs this version and nothing else."""
    rows = {**copy.deepcopy(ROWS), "starts": [[n + 1, 0.1] for n in range(starts)]}
    return {
        "containers": [
            {
                "name": OWN.name,
                "id": version.digest[7:],
                "reference": version.reference,
                "digests": [version.digest],
                "status": "running",
                "health": "healthy",
                "restart": "unless-stopped",
            }
        ],
        "lock": {"image": version.image, "digest": version.digest},
        "override": version.reference,
        "journal": {},
        "acting": None,
        "intent": None,
        "paused": "",
        "leftovers": [],
        "refused": [],
        "databases": {
            "lidarr.db": {"integrity": "ok", "schema": ["1"], "version": 1, "rows": rows}
        },
    } | changes


def taken_back(**changes: Any) -> Record:
    """A new version was made and, after what it was, the old one again."""
    steps = ["switch", "gate", "back", "restore", "revive", "regate", "undone"]
    first = OLD.digest[7:19]
    return Record(
        steps=[[float(at), step, 1] for at, step in enumerate(steps)],
        made=[[0.5, NEW.reference, "new", TREE], [4.5, OLD.reference, "back", TREE]],
        ran=[[-1.0, [first]], [-0.5, []], [0.6, ["new"]], [2.5, []], [4.6, ["back"]]],
        ended=True,
        **changes,
    )


def found(after: dict[str, Any], record: Record | None = None, sides: Sides = BAD) -> list[str]:
    return list(problems(standing(OLD), after, record or taken_back(), sides))


def test_a_version_that_was_taken_back_whole_is_no_problem() -> None:
    assert found(standing(OLD, starts=3)) == []
    assert ended_as(standing(OLD), BAD) == "old"


def test_a_version_that_was_taken_over_whole_is_no_problem() -> None:
    record = Record(
        steps=[[0.0, "switch", 1], [1.0, "gate", 1]], made=[[0.5, NEW.reference, "n", TREE]],
        ended=True,
    )  # fmt: skip
    assert found(standing(NEW), record, GOOD) == []
    assert found(standing(NEW), record, BAD) == ["it ended with the new version"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"journal": {"step": "gate"}}, "the journal is not closed"),
        ({"lock": {"image": NEW.image, "digest": NEW.digest}}, "the lock names registry/crate:2"),
        (
            {"lock": {"image": OLD.image, "digest": OLD.digest, "trial": {"image": "x"}}},
            "a trial is left",
        ),
        ({"override": NEW.reference}, "images.yaml names"),
        ({"acting": {"actor": "updater"}}, "still held"),
        ({"intent": {"by": "user"}}, "still held"),
        ({"paused": "autoheal\n"}, "still paused"),
        ({"leftovers": [".crate.new"]}, "left beside its config"),
        ({"containers": []}, "its containers are []"),
    ],
)
def test_what_is_neither_old_nor_new_is_named(changes: dict[str, Any], said: str) -> None:
    assert any(said in text for text in found(standing(OLD, **changes)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"integrity": "malformed"}, "is damaged"),
        ({"schema": ["2"]}, "another schema"),
        ({"rows": {"entries": [], "starts": [[1, 0.1]]}}, "were lost"),
        ({"rows": {**ROWS, "starts": [[1, 0.1], [3, 0.3]]}}, "are no chain"),
    ],
)
def test_a_database_that_is_not_whole_is_named(change: dict[str, Any], said: str) -> None:
    after = standing(OLD)
    after["databases"]["lidarr.db"] |= change
    assert any(said in text for text in found(after))


def test_a_config_that_is_not_as_the_old_version_left_it_is_named() -> None:
    record = taken_back()
    record.made[1][3] = {**TREE, "lidarr.db": ["0o100644", 1, 1, "def"]}
    assert "its config is not what it was: lidarr.db" in found(standing(OLD), record)[0]


def test_what_the_old_version_wrote_in_between_belongs_to_its_config() -> None:
    record = taken_back()
    later = {**TREE, "lidarr.db": ["0o100644", 1, 1, "later"]}
    # Killed after the switch began; somebody started the old one again, which wrote; then anew.
    record.ran[2:2] = [[0.55, [OLD.digest[7:19]]], [0.57, []]]
    record.made = [
        [0.5, NEW.reference, "x", TREE],
        [0.6, NEW.reference, "new", later],
        [4.5, OLD.reference, "back", later],
    ]
    assert found(standing(OLD), record) == []


def test_acting_before_it_is_written_down_is_named() -> None:
    record = taken_back()
    record.steps[0][1] = "settle"
    assert any("was made while the journal said" in text for text in found(standing(OLD), record))


def test_running_while_it_is_held_is_named() -> None:
    record = taken_back()
    record.ran.insert(4, [3.5, ["new"]])
    assert "it ran while it was held" in found(standing(OLD), record)


def test_an_update_that_does_not_end_is_named() -> None:
    record = taken_back()
    record.ended = False
    after = standing(OLD, journal={"step": "restore"})
    assert "it does not end: the journal says restore" in found(after, record)


def test_the_outage_is_the_longest_time_without_a_process() -> None:
    assert taken_back().outage() == pytest.approx(2.1)


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_every_step_is_struck_once(good: bool, apart: bool) -> None:
    scenarios = updates_crash.every_step(random.Random(1), good, apart=apart)
    struck = [blow.step for one in scenarios for blow in one.blows]
    wanted = [*updates_crash.FORWARD, "done"]
    if not good:
        wanted = [*updates_crash.FORWARD[:5], *updates_crash.BACKWARD, "undone"]
    assert sorted(struck) == sorted(wanted)
    order = [wanted.index(blow.step) for one in scenarios[:1] for blow in one.blows]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("tag", "raised"),
    [("2.0.0", "2.0.3"), ("v3.41.3", "v3.41.6"), ("1.43.0.10492-121068a07-ls297",
                                                 "1.43.0.10492-121068a07-ls300")],
)  # fmt: skip
def test_a_tag_is_raised_by_its_last_number(tag: str, raised: str) -> None:
    assert house.bumped(tag, 3) == raised


def test_the_own_service_is_one_that_the_settings_take(tmp_path: Path) -> None:
    import settings

    file, secrets = tmp_path / "settings.toml", tmp_path / "secrets.toml"
    sandbox = (FILES.parent / "sandbox" / "settings.toml").read_text(encoding="utf-8")
    file.write_text(house.settings(sandbox, {}), encoding="utf-8")
    secrets.write_text("[vpn]\n", encoding="utf-8")
    try:
        made = settings.load(file, secrets)
    except settings.SettingsError as error:
        assert not [one for one in error.problems if "crate" in one or "updates" in one]
    else:
        assert settings.enabled(made)[OWN.name].updates == "auto"


def test_a_tree_has_names_modes_and_contents_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "x.log").write_text("x")
    (tmp_path / "key").write_text("k")
    (tmp_path / "key").chmod(0o400)
    (tmp_path / "link").symlink_to("/nowhere")
    seen = update_watch.tree(str(tmp_path), ["logs"])
    assert set(seen) == {".", "key", "link"}
    assert seen["key"][0] == "0o100400" and seen["link"][-1] == "/nowhere"


@pytest.mark.parametrize("name", updates_crash.BREAKS)
def test_each_fault_of_updates_crash_finds_its_passages(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def run(_host: Any, command: str, *, stdin: str = "", **_: Any) -> str:
        path = command.split("/opt/mediastack/lib/", 1)[-1].split(maxsplit=1)[0]
        if command.startswith("cat /"):
            return (FILES / path).read_text(encoding="utf-8")
        written.append(stdin)
        return ""

    monkeypatch.setattr(updates_crash_faults.box, "run", run)
    context = Context(name="x")
    with updates_crash.BREAKS[name].plant(context):
        compile(written[-1], name, "exec")
    assert len(written) == 2 and written[0] != written[1]
    assert updates_crash_faults.FOCUS[name]


@pytest.mark.parametrize("name", sorted(set(image_lock_check.BREAKS) - {"lock-lost"}))
def test_each_fault_of_image_lock_finds_its_passages(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited(_context: Context, path: str, old: str, new: str) -> Any:
        text = (FILES.parent / path).read_text(encoding="utf-8")
        assert old in text
        compile(text.replace(old, new), path, "exec")
        return updates_crash_faults.contextlib.nullcontext()

    monkeypatch.setattr(image_lock_check.ground, "edited", edited)
    with image_lock_check.BREAKS[name].plant(Context(name="x")):
        pass
