"""updater.wud: tags out of What's Up Docker's answers, and nothing out of anybody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from http_house import Server
from hypothesis import given
from hypothesis import strategies as st

from mediastack.updater import wud

JSON = {"content-type": "application/json"}


def container(service: str = "seerr", tag: Any = "v1.0.1", **more: Any) -> dict[str, Any]:
    labels = {"io.mediastack.service": service}
    return {"id": "abc", "name": "x", "labels": labels, "result": {"tag": tag}, **more}


def served(answer: Any) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return {"GET /api/containers": (200, JSON, text)}


def test_tags_of_our_services_are_found() -> None:
    listed = [container(), container("radarr"), container("seerr", "v1.0.2"), {"name": "seerr"}]
    with Server(served(listed)) as server:
        assert wud.tags(server.url, {"seerr"}) == {"seerr": {"v1.0.1", "v1.0.2"}}


def test_without_our_label_its_name_says_whose_it_is() -> None:
    assert wud.service_of({"name": "seerr", "labels": None}) == "seerr"
    assert wud.service_of({"name": "x", "labels": {"io.mediastack.service": "seerr"}}) == "seerr"


@pytest.mark.parametrize(
    "tag", ["", "a b", "../x", "x" * 200, "-x", "v1\n", 7, None, ["v1"], {"tag": "v1"}, "v1@sha256"]
)
def test_what_is_no_tag_is_none(tag: Any) -> None:
    assert wud.result_of(container(tag=tag)) == ""


@pytest.mark.parametrize("answer", ["", "{", "{}", "null", "7", '"x"', "[" * 100_000])
def test_an_answer_of_another_kind_is_no_answer(answer: str) -> None:
    with Server(served(answer)) as server:
        assert wud.tags(server.url, {"seerr"}) is None


@given(st.recursive(st.none() | st.integers() | st.text(), lambda below: st.lists(below)
                    | st.dictionaries(st.sampled_from(["name", "labels", "result", "tag", "id"]),
                                      below)))  # fmt: skip
def test_whatever_a_container_is_nothing_breaks(value: Any) -> None:
    if isinstance(value, dict):
        assert isinstance(wud.service_of(value), str)
        assert isinstance(wud.result_of(value), str)


def test_a_watcher_that_is_away_or_off_says_nothing() -> None:
    assert wud.tags("", {"seerr"}) is None
    assert wud.tags("http://127.0.0.1:1", {"seerr"}) is None


def test_it_is_asked_to_look_now_for_one_service() -> None:
    answers = served([container("seerr", None)]) | {
        "POST /api/containers/abc/watch": (200, JSON, json.dumps(container(tag="v1.0.9")))
    }
    with Server(answers) as server:
        assert wud.watch(server.url, "seerr") == "v1.0.9"
        assert wud.watch(server.url, "plex") == ""
        assert [one.method for one in server.seen] == ["GET", "POST", "GET"]


def test_an_id_that_would_be_another_path_is_not_asked_for() -> None:
    with Server(served([container(id="../../x"), container(id=7)])) as server:
        assert wud.watch(server.url, "seerr") == ""
        assert [one.path for one in server.seen] == ["/api/containers"]
