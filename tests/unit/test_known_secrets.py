"""known_secrets: no secret of the house leaves it, however it is spelled."""

from __future__ import annotations

import base64
import json
import os
import urllib.parse
from pathlib import Path

import pytest

from mediastack import known_secrets
from mediastack.known_secrets import Masker

WIREGUARD = "aB3/+cDe" * 5 + "aB3="


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Secrets as they lie on a host, and what else lies there."""
    for name, value in {
        "sonarr/api_key": "0123456789abcdef0123456789abcdef",
        "gluetun/wireguard_private_key": WIREGUARD,
        "mine/pin": "4711",
        "mine/letter": "x",
        "mine/empty": "",
        "mine/quoted": 'pass"word\\1',
        "cross-seed/config.js": "module.exports = {\n  apiKey: 1,\n};\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(value)
    (tmp_path / ".salt-key").write_text("ff" * 32)
    (tmp_path / "mine" / "elsewhere").symlink_to("/etc/hostname")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("nothing here", "nothing here"),
        ("key=0123456789abcdef0123456789abcdef!", "key=REDACTED!"),
        (f"key {WIREGUARD}", "key REDACTED"),
        (f"key {urllib.parse.quote(WIREGUARD, safe='')}", "key REDACTED"),
        (json.dumps({"a": 'pass"word\\1'}), '{"a": "REDACTED"}'),
        (base64.b64encode(b"0123456789abcdef0123456789abcdef").decode(), "REDACTED="),
        ("4711 and 47110 and x", "REDACTED and 47110 and x"),
        ("module.exports", "module.exports"),
    ],
)
def test_every_spelling_is_masked_and_nothing_else(directory: Path, text: str, masked: str) -> None:
    assert Masker(str(directory))(text) == masked


def test_a_new_secret_is_known_at_once_and_an_old_one_forgotten(directory: Path) -> None:
    mask = Masker(str(directory))
    assert mask("brand-new-secret 4711") == "brand-new-secret REDACTED"
    fresh = directory / "mine" / ".pin"
    fresh.write_text("brand-new-secret")
    os.replace(fresh, directory / "mine" / "pin")
    assert mask("brand-new-secret 4711") == "REDACTED 4711"


def test_files_are_read_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = Masker(str(directory))
    mask("x")
    monkeypatch.setattr(known_secrets, "_values", lambda _: pytest.fail("read again"))
    assert mask("4711") == "REDACTED"


def test_without_secrets_nothing_is_masked(tmp_path: Path) -> None:
    assert Masker(str(tmp_path / "none"))("text") == "text"
