"""mediastack.intent: what the user stopped, written down once."""

import json

import pytest

from mediastack import intent


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "intent.json")


def on_disk(path):
    with open(path) as stream:
        return json.load(stream)


def test_nothing_is_stopped_at_first(path):
    assert intent.stopped(path=path) == {}


def test_stop_records_who_when_and_by_which_verb(path):
    intent.stop(["sonarr"], "user", path=path)

    entry = on_disk(path)["sonarr"]
    assert entry["at"].endswith("+00:00")
    assert (entry["by"], entry["verb"]) == ("user", "down")
    assert intent.stopped(path=path) == on_disk(path)


def test_stopping_again_keeps_the_first_record(path):
    intent.stop(["sonarr"], "user", path=path)
    first = on_disk(path)["sonarr"]

    intent.stop(["sonarr", "radarr"], "somebody else", path=path)

    assert on_disk(path)["sonarr"] == first and on_disk(path)["radarr"]["by"] == "somebody else"


def test_clear_forgets_the_named_ones_only(path):
    intent.stop(["sonarr", "radarr"], "user", path=path)

    intent.clear(["sonarr", "unknown"], path=path)

    assert list(on_disk(path)) == ["radarr"]


def test_clear_of_nothing_writes_nothing(path, tmp_path):
    intent.clear(["sonarr"], path=path)

    assert not (tmp_path / "state" / "intent.json").exists()
