"""What is pasted instead of a WireGuard key is named, with the fix, and never shown."""

from __future__ import annotations

import base64

import pytest

from mediastack import wireguard_key

KEY = base64.b64encode(bytes(range(32))).decode()


def test_a_key_is_one_also_with_white_space_around_it() -> None:
    assert wireguard_key.problem(KEY) is None
    assert wireguard_key.problem(f"  {KEY}\n") is None


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("", "is empty"),
        (KEY[:-3], "is not base64 (41 characters)"),
        (KEY[:40], "30 bytes long"),
        (base64.b64encode(bytes(range(48))).decode(), "48 bytes long"),
        (f"[Interface]\r\nPrivateKey = {KEY}\r\n", "whole WireGuard file"),
        (f"{KEY}\n{KEY}", "several lines"),
        (f"PrivateKey = {KEY}", "begins with 'PrivateKey ='"),
        (f"privatekey={KEY}", "begins with 'PrivateKey ='"),
        (f"PublicKey = {KEY}", "begins with 'PublicKey =': that is another key"),
        (f"{KEY}\u200b", "letters that no key has"),
        (base64.b64encode(bytes(32)).decode(), "nothing but zeros"),
    ],
)
def test_what_is_no_key_is_named_and_not_shown(pasted: str, told: str) -> None:
    found = wireguard_key.problem(pasted)
    assert found is not None
    assert told in found[0]
    assert "copy the text after 'PrivateKey = ', 44 characters" in found[1]
    assert KEY[:20] not in " ".join(found)


def test_the_line_of_another_key_is_named_in_the_fix() -> None:
    assert "'PresharedKey = '" in (wireguard_key.problem("x", "PresharedKey") or ("", ""))[1]
