"""checks.privilege: what it sends is bad by construction, and the allow-list agrees; the probe."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from checks import privilege
from checks.inside import healer_requests, privilege_state
from checks.inside import privilege as probe
from mediastack.healer import protocol

GROUP = ["gluetun", "qbittorrent", "sonarr", "radarr"]
OTHERS = ["plex", "ntfy", "dozzle"]
SOURCES = Path(__file__).parents[2] / "files" / "mediastack" / "healer"


def test_what_is_sent_is_refused_by_the_list_whatever_the_seed() -> None:
    group = protocol.Group(GROUP[0], tuple(GROUP[1:]))
    lines = healer_requests.fixed(GROUP, OTHERS)
    chance = random.Random(7)
    lines += [healer_requests.spoilt(chance, GROUP, OTHERS) for _ in range(5000)]
    for line in lines:
        assert b"\n" not in line
        with pytest.raises(protocol.Refused):
            protocol.parse(line, group)


def test_what_was_not_spoilt_would_be_let_in() -> None:
    """Else the check would only show that rubbish is refused."""
    group = protocol.Group(GROUP[0], tuple(GROUP[1:]))
    chance = random.Random(7)
    for _ in range(200):
        line = healer_requests.json.dumps(healer_requests.good(chance, GROUP))
        assert protocol.parse(line.encode(), group).do in healer_requests.KINDS


def test_the_passages_that_breaks_replace_are_there_once() -> None:
    text = (SOURCES / "protocol.py").read_text()
    for old in (
        "names = tuple(_one_of(name, known, key) for name in value)",
        '        _only(request, ["verb", "services"])\n',
    ):
        assert text.count(old) == 1
    assert (SOURCES / "sockets.py").read_text().count("    if uid == 0:\n") == 1


def test_a_refusal_is_no_gain_and_a_gain_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "a" / "key"
    secret.parent.mkdir()
    secret.write_text("x" * 20)
    state = tmp_path / "nowhere"
    tries = probe.attempts(os.getpid(), "no-such-image", str(tmp_path), str(state))
    some = ("read a secret", "read the ledger", "signal a root process")
    found = probe.tried({what: tries[what] for what in some})
    assert found["got"] == {
        "read a secret": f"20 bytes of {secret}",
        "read the ledger": "",
        "signal a root process": f"may signal {os.getpid()}",
    }
    assert "FileNotFoundError" in found["why"]["read the ledger"]


def test_files_are_compared_by_content_mode_and_owner(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before = privilege_state.files(str(tmp_path))
    (tmp_path / "a").write_text("two")
    changed = privilege_state.files(str(tmp_path))
    (tmp_path / "a").chmod(0o600)
    closed = privilege_state.files(str(tmp_path))
    assert len({str(one[str(tmp_path / "a")]) for one in (before, changed, closed)}) == 3


def test_the_probe_is_the_watchers_unit_with_another_program() -> None:
    changed = {
        line.partition("=")[0] for line in privilege.OTHER_PROGRAM.split("\n") if "=" in line
    }
    # Nothing that gives or takes a right.
    assert changed == {"Type", "ExecStart", "Restart", "WatchdogSec", "StandardOutput"}
