"""healer.protocol: what is let in is exactly the list, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediastack.healer import protocol
from mediastack.healer.protocol import Group, Refused, Request, parse
from mediastack.monitor import words

GROUP = Group("gluetun", ("sonarr", "qbittorrent"))


def parsed(value: Any) -> Request:
    return parse(json.dumps(value).encode(), GROUP)


def test_each_request_of_the_list_is_understood() -> None:
    assert parsed({"do": "look"}) == Request("look")
    assert parsed({"do": "look", "firewall": True}).firewall is True
    assert parse(b'{"do":"listen"}\n', GROUP) == Request("listen")
    act = parsed({"do": "act", "verb": "revive", "services": ["gluetun", "sonarr"]})
    assert (act.verb, act.services) == ("revive", ("gluetun", "sonarr"))
    told = parsed(
        {"do": "tell", "number": 7, "kind": "held", "services": ["sonarr"], "seconds": 1.5}
    )
    assert (told.number, told.kind) == (7, "held")
    assert told.fields == {"services": ("sonarr",), "seconds": 1.5}


@pytest.mark.parametrize("kind", sorted(words.KINDS))
def test_every_kind_can_be_told_and_rendered_with_all_fields(kind: str) -> None:
    fields = {"service": "sonarr", "services": ["sonarr"], "count": 2, "seconds": 3, "percent": 5}
    told = parsed({"do": "tell", "number": 1, "kind": kind, "cause": "loop", **fields})
    assert words.render(told.kind, told.fields)["subject"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "look",
        {},
        {"do": None},
        {"do": ["look"]},
        {"do": "look "},
        {"do": "exec"},
        {"do": "look", "firewall": 1},
        {"do": "look", "path": "/etc/shadow"},
        {"do": "listen", "services": ["sonarr"]},
        {"do": "act"},
        {"do": "act", "verb": "hold"},
        {"do": "act", "verb": "hold", "services": []},
        {"do": "act", "verb": "hold", "services": "sonarr"},
        {"do": "act", "verb": "hold", "services": ["sonarr", "sonarr"]},
        {"do": "act", "verb": "hold", "services": ["gluetun"]},
        {"do": "act", "verb": "restart", "services": ["gluetun", "sonarr"]},
        {"do": "act", "verb": "remove", "services": ["sonarr"]},
        {"do": "act", "verb": "revive", "services": ["plex"]},
        {"do": "act", "verb": "revive", "services": ["sonarr\n"]},
        {"do": "act", "verb": "revive", "services": ["--project-name=x"]},
        {"do": "act", "verb": "revive", "services": ["sonarr", "-f", "/tmp/x.yaml"]},
        {"do": "act", "verb": "revive", "services": [["sonarr"]]},
        {"do": "act", "verb": "revive", "services": {"sonarr": 1}},
        {"do": "act", "verb": "revive", "services": ["sonarr"], "image": "busybox"},
        {"do": "tell", "kind": "held"},
        {"do": "tell", "number": True, "kind": "held"},
        {"do": "tell", "number": -1, "kind": "held"},
        {"do": "tell", "number": 1.0, "kind": "held"},
        {"do": "tell", "number": 2**70, "kind": "held"},
        {"do": "tell", "number": 1, "kind": "free words"},
        {"do": "tell", "number": 1, "kind": {}},
        {"do": "tell", "number": 1, "kind": "held", "cause": "because"},
        {"do": "tell", "number": 1, "kind": "held", "service": "plex"},
        {"do": "tell", "number": 1, "kind": "held", "service": 0},
        {"do": "tell", "number": 1, "kind": "held", "seconds": "1"},
        {"do": "tell", "number": 1, "kind": "held", "message": "text of my own"},
    ],
)
def test_whatever_else_is_refused(value: Any) -> None:
    with pytest.raises(Refused):
        parsed(value)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"look",
        '{"do":"look"}'.encode("utf-16"),
        b'{"do":"look"}{"do":"look"}',
        b'{"do":"look","do":"listen"}',
        b'{"do":"act","verb":"revive","services":["plex"],"services":["sonarr"]}',
        b'{"do":"tell","number":1,"kind":"held","seconds":NaN}',
        b'{"do":"tell","number":1,"kind":"held","seconds":Infinity}',
        b'{"do":"tell","number":1,"kind":"held","seconds":1e999}',
        b'{"do":"tell","number":1,"kind":"held","seconds":' + b"9" * 5000 + b"}",
        b'{"do":"tell","number":' + b"[" * 60000 + b"}",
        b'{"do":"look"}' + b" " * protocol.MAXIMUM_BYTES,
    ],
)
def test_what_is_no_line_of_plain_json_is_refused(line: bytes) -> None:
    with pytest.raises(Refused):
        parse(line, GROUP)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["sonarr", "gluetun", "plex", "hold", "revive", "held", "boot", "look"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["do", "verb", "services", "service", "number", "kind", "cause", "firewall", "seconds", "x"]
)
DOS = st.sampled_from(["look", "listen", "act", "tell"])


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(KEYS, VALUES), st.none() | DOS)
@example({"verb": "revive", "services": ["sonarr"]}, "act")
def test_what_comes_through_holds_nothing_but_words_of_the_lists_and_numbers(
    request: dict[str, Any], do: str | None
) -> None:
    if do is not None:
        request["do"] = do
    try:
        found = parsed(request)
    except Refused:
        return
    allowed = {"gluetun", "sonarr", "qbittorrent", ""}
    assert found.do in ("look", "listen", "act", "tell")
    assert found.verb in ("", *protocol.VERBS)
    assert set(found.services) <= allowed
    assert found.kind in {"", *words.KINDS}
    assert set(found.fields) <= {"service", "services", "count", "seconds", "percent", "cause"}
    assert found.fields.get("service", "") in allowed
    assert set(found.fields.get("services", ())) <= allowed
    assert found.fields.get("cause", "") in words.CAUSES
    for name in ("count", "seconds", "percent"):
        assert 0 <= found.fields.get(name, 0) <= protocol.LARGEST


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_stumble(line: bytes) -> None:
    try:
        parse(line, GROUP)
    except Refused as error:
        assert str(error)
