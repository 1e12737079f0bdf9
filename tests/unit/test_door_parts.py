"""door.auth, bodies, limits, journal, settings: each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediastack.door import auth, bodies, journal, limits, settings

KNOWN = frozenset({"sonarr"})
DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize("given", ["", "secreT", "secret ", "secre", "é", "secrett", "\u20ac"])
def test_only_the_token_itself_is_right(given: str) -> None:
    expected = auth.digest(b"secret")
    assert auth.authorised("secret", expected)
    assert not auth.authorised(given, expected)


def test_where_no_token_is_expected_none_is_right() -> None:
    assert not auth.authorised("", auth.digest(b""))


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer x", "x"), ("bearer  x ", "x"), ("Basic eDp5", ""), ("x", ""), ("", "")],
)
def test_a_bearer_is_read_as_the_standard_says(header: str, token: str) -> None:
    assert auth.bearer(header) == token


@pytest.mark.parametrize(
    ("container", "hint"),
    [
        ({"name": "sonarr"}, ("sonarr", "", "")),
        (
            {"name": "sonarr", "result": {"tag": "1.2", "digest": DIGEST}},
            ("sonarr", "1.2", DIGEST),
        ),
        (
            {"name": "sonarr", "updateKind": {"kind": "tag", "remoteValue": "1.3"}},
            ("sonarr", "1.3", ""),
        ),
        (
            {"name": "sonarr", "updateKind": {"kind": "digest", "remoteValue": "1.3"}},
            ("sonarr", "", ""),
        ),
        ({"name": "sonarr", "result": {"tag": "../x", "digest": "x"}}, ("sonarr", "", "")),
        (
            {"name": "sonarr", "result": {"tag": "1.2\n", "digest": f"{DIGEST}\n"}},
            ("sonarr", "", ""),
        ),
        ({"name": "sonarr", "result": ["tag"], "updateKind": None}, ("sonarr", "", "")),
    ],
)
def test_of_a_container_no_more_is_taken_than_looks_right(
    container: dict[str, Any], hint: tuple[str, str, str]
) -> None:
    assert bodies.hints(container, KNOWN) == ([bodies.Hint(*hint)], 0)


@pytest.mark.parametrize("body", [1, "x", None, [1], [[{}]], [{}] * (bodies.LARGEST_BATCH + 1)])
def test_what_is_no_container_is_no_body(body: Any) -> None:
    with pytest.raises(bodies.BadBody):
        bodies.hints(body, KNOWN)


def test_refusals_that_are_far_apart_are_no_attack() -> None:
    refusals = limits.Refusals()
    apart = limits.REFUSALS_SECONDS / (limits.REFUSALS - 2)
    assert not any(refusals.note(number * apart) for number in range(100))


def test_an_attack_is_told_again_after_an_hour_and_at_once_when_that_failed() -> None:
    refusals = limits.Refusals()
    told = [second for second in range(10_000) if refusals.note(float(second))]
    assert told == [limits.REFUSALS - 1 + n * int(limits.QUIET_SECONDS) for n in range(3)]
    refusals.take_back()
    assert refusals.note(10_000.0)


def test_peers_beyond_a_number_are_forgotten() -> None:
    rate = limits.Rate()
    for number in range(3 * limits.PEERS):
        rate.allows(str(number), 0.0)
    assert len(rate._left) == limits.PEERS


def test_a_name_is_letters_and_digits_whatever_the_key_is() -> None:
    name = journal.file_name("wud", ["../../etc/passwd\0", "\ud800"])
    assert name.startswith("wud-") and name.endswith(".json") and "/" not in name
    assert len(name) < 60


def test_what_a_killed_door_was_writing_is_gone_at_the_next_start(tmp_path: Path) -> None:
    kept = journal.Journal(str(tmp_path))
    kept.prepare()
    (tmp_path / "tmp" / ".x.json.1-2.3.tmp").write_text("half")
    kept.prepare()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_tokens_are_read_from_what_systemd_gave(tmp_path: Path) -> None:
    (tmp_path / "webhook_token").write_text("one\n")
    (tmp_path / "hook_sonarr").write_text("two")
    assert settings.tokens(str(tmp_path)) == {
        "wud": auth.digest(b"one"),
        "sonarr": auth.digest(b"two"),
    }
    assert settings.tokens("") == {}
    (tmp_path / "hook_radarr").write_text(" \n")
    with pytest.raises(ValueError, match="hook_radarr is empty"):
        settings.tokens(str(tmp_path))


def test_pinned_services_and_updates_that_are_off_take_no_hint() -> None:
    config: dict[str, Any] = {
        "network": {"subnet": "172.30.0.0/24", "gateway": "172.30.0.1"},
        "services": {"a": {"updates": "auto"}, "b": {"updates": "pinned"}, "c": {}},
    }
    assert settings.of(config).known == {"a", "c"}
    assert settings.of({**config, "updates": {"enabled": False}}).known == frozenset()
