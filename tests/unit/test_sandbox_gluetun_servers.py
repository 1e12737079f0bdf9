"""The servers of Gluetun's stand-in: their key, and the list of them that it keeps on the disk."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from gluetun_house import KEY, PROTON

from mediastack import endpoint_list
from sandbox.internet_files import provider
from sandbox.standins import gluetun_servers, gluetun_settings, gluetun_storage


def test_the_servers_key_is_the_provider_s() -> None:
    assert len(base64.b64decode(gluetun_servers.PUBLIC_KEY)) == 32
    private = base64.b64decode(provider.private_key())
    assert public_key(private) == base64.b64decode(gluetun_servers.PUBLIC_KEY)


def public_key(private: bytes) -> bytes:
    """X25519 of the base point, written down from RFC 7748: the other way to the same key."""
    prime, x1 = 2**255 - 19, 9
    scalar = int.from_bytes(private, "little") & ~7 & (2**255 - 1) | 2**254
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for bit in reversed(range(255)):
        wanted = scalar >> bit & 1
        if swapped != wanted:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = wanted
        plus, minus = (x2 + z2) % prime, (x2 - z2) % prime
        cross, other = (x3 + z3) * minus % prime, (x3 - z3) * plus % prime
        x3, z3 = (cross + other) ** 2 % prime, x1 * (cross - other) ** 2 % prime
        square, difference = plus * plus % prime, (plus * plus - minus * minus) % prime
        x2, z2 = square * minus * minus % prime, difference * (square + 121665 * difference) % prime
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")


def listed(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_list_of_the_image_is_written_before_anything_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "gluetun" / "servers.json"
    servers = gluetun_storage.synced(path, "protonvpn")
    assert servers == gluetun_servers.SERVERS
    assert path.read_text().startswith('{\n  "version": 1,\n  "mullvad": {\n    "version"')
    # It is what the host's wall goes by: the endpoint, and nothing of other kinds or providers.
    assert endpoint_list.read(str(path.parent), ["protonvpn"]) == {
        "protonvpn": [gluetun_servers.ENDPOINT]
    }
    before = path.stat().st_mtime_ns
    assert gluetun_storage.synced(path, "protonvpn") == servers
    assert path.stat().st_mtime_ns == before
    assert gluetun_storage.synced(path, "custom") == ()


def test_of_two_lists_the_younger_one_wins_but_for_what_is_to_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    gluetun_storage.synced(path, "protonvpn")
    own = {"vpn": "wireguard", "hostname": "own.example", "ips": ["198.51.100.7"], "wgpubkey": KEY}
    younger = listed(path)
    younger["protonvpn"] |= {"timestamp": 1_763_504_613, "servers": [own]}
    path.write_text(json.dumps(younger))
    (server,) = gluetun_storage.synced(path, "protonvpn")
    settings = read_with(tmp_path, (server,))
    assert (settings.connection.address, settings.connection.public_key) == ("198.51.100.7", KEY)
    for timestamp in (1, 99_999_999_999):
        older = listed(path)
        older["protonvpn"] |= {"timestamp": timestamp, "servers": [own, {**own, "keep": True}]}
        path.write_text(json.dumps(older))
        found = gluetun_storage.synced(path, "protonvpn")
        assert [one.hostname for one in found] == [
            *(one.hostname for one in gluetun_servers.SERVERS), "own.example",
        ]  # fmt: skip


def read_with(
    tmp_path: Path, servers: tuple[gluetun_servers.Server, ...]
) -> gluetun_settings.Settings:
    (tmp_path / "wireguard_private_key").write_text(KEY)
    return gluetun_settings.read(PROTON, tmp_path, servers=servers)


def test_list_of_another_version_is_discarded_and_one_that_is_none_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"version": 1, "protonvpn": {"version": 3, "timestamp": 2**40}}))
    assert gluetun_storage.synced(path, "protonvpn") == gluetun_servers.SERVERS
    for text in ("", "{", "[]"):
        path.write_text(text)
        with pytest.raises(gluetun_storage.StorageError, match="reading servers from file"):
            gluetun_storage.synced(path, "protonvpn")
