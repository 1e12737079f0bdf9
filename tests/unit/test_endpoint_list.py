"""Gluetun's list of servers: its two forms, and everything that must not come out of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mediastack import endpoint_list
from mediastack.endpoint_list import ListError, read, read_apart, stamp


def server(*addresses: Any, vpn: str = "wireguard") -> dict[str, Any]:
    return {"vpn": vpn, "country": "Atlantis", "hostname": "a.example", "ips": list(addresses)}


def provider(*servers: Any) -> dict[str, Any]:
    return {"version": 4, "timestamp": 1_763_504_612, "servers": list(servers)}


def write(folder: Path, content: Any, name: str = "servers.json") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    (folder / name).write_text(text)


def test_servers_of_the_provider_that_was_asked_for_and_for_wireguard(tmp_path: Path) -> None:
    listed = {
        "version": 1,
        "mullvad": provider(server("198.51.100.99")),
        "protonvpn": provider(
            server("203.0.113.9", "198.51.100.10"),
            server("2001:db8:f::10", "198.51.100.10"),
            server("198.51.100.77", vpn="openvpn"),
            {"vpn": "wireguard", "hostname": "without.example"},
        ),
    }
    write(tmp_path, listed)
    expected = {"protonvpn": ["198.51.100.10", "2001:db8:f::10", "203.0.113.9"]}
    assert read(str(tmp_path), ["protonvpn"]) == expected
    assert read_apart(str(tmp_path), ["protonvpn", "ivpn"]) == expected


def test_newer_form_is_a_manifest_and_a_file_for_each_provider(tmp_path: Path) -> None:
    manifest = {
        "version": 1,
        "protonvpn": {"filepath": "/gluetun/servers/protonvpn.json"},
        "mullvad": {"filepath": "/gluetun/own/m.json"},
        "ivpn": provider(server("198.51.100.7")),
    }
    write(tmp_path, manifest, "servers/manifest.json")
    write(tmp_path, provider(server("198.51.100.10")), "servers/protonvpn.json")
    write(tmp_path, provider(server("198.51.100.99")), "own/m.json")
    assert read(str(tmp_path), ["protonvpn", "mullvad", "ivpn"]) == {
        "protonvpn": ["198.51.100.10"],
        "mullvad": ["198.51.100.99"],
        "ivpn": ["198.51.100.7"],
    }


def test_both_forms_count_while_nobody_knows_which_image_runs(tmp_path: Path) -> None:
    write(tmp_path, {"protonvpn": provider(server("198.51.100.10"))})
    write(tmp_path, {"protonvpn": provider(server("198.51.100.11"))}, "servers/manifest.json")
    found = read(str(tmp_path), ["protonvpn"])
    assert found == {"protonvpn": ["198.51.100.10", "198.51.100.11"]}


def test_without_any_list_there_are_no_servers(tmp_path: Path) -> None:
    assert read(str(tmp_path), ["protonvpn"]) == {}
    write(tmp_path, {"version": 1, "protonvpn": provider()})
    assert read(str(tmp_path), ["protonvpn"]) == {}


@pytest.mark.parametrize(
    "address",
    [
        *("192.168.1.1", "10.0.0.1", "172.30.0.20", "127.0.0.1", "169.254.1.1", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fd00:30::14", "ff02::1", "ff0e::1", "::ffff:203.0.113.80"),
    ],
)
def test_addresses_that_are_nobodys_on_the_internet_are_left_out(
    tmp_path: Path, address: str
) -> None:
    write(tmp_path, {"protonvpn": provider(server("198.51.100.10", address, "9.9.9.9"))})
    assert read(str(tmp_path), ["protonvpn"]) == {"protonvpn": ["198.51.100.10", "9.9.9.9"]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is not JSON"),
        ('{"protonvpn": {"servers": [', "is not JSON"),
        ("[" * 100_000, ""),
        ("[]", "holds no object"),
        ({"protonvpn": provider(server("node.example"))}, "'node.example'"),
        ({"protonvpn": provider(server("0.0.0.0/0"))}, "'0.0.0.0/0'"),
        ({"protonvpn": provider(server(3405803856))}, "3405803856"),
    ],
)
def test_list_that_is_none_is_an_error_of_one_line(tmp_path: Path, content: Any, told: str) -> None:
    write(tmp_path, content)
    with pytest.raises(ListError) as raised:
        read_apart(str(tmp_path), ["protonvpn"])
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "/gluetun/../etc/passwd", "servers/p.json"])
def test_manifest_leads_nowhere_but_into_gluetuns_own_directory(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"protonvpn": {"filepath": path}}, "servers/manifest.json")
    with pytest.raises(ListError, match="not below /gluetun/"):
        read(str(tmp_path), ["protonvpn"])


def test_links_and_what_is_no_file_are_not_read(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"protonvpn": provider(server("198.51.100.10"))}))
    listed = tmp_path / "servers.json"
    listed.symlink_to(elsewhere)
    with pytest.raises(ListError, match="symbolic links"):
        read(str(tmp_path), ["protonvpn"])
    listed.unlink()
    os.mkfifo(listed)
    with pytest.raises(ListError, match="is no file"):
        read(str(tmp_path), ["protonvpn"])


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [server(f"198.51.100.{number}") for number in range(1, 200)]
    write(tmp_path, {"protonvpn": provider(*many)})
    monkeypatch.setattr(endpoint_list, "MAXIMUM_ADDRESSES", 198)
    with pytest.raises(ListError, match="has 199 addresses, more than 198"):
        read(str(tmp_path), ["protonvpn"])
    monkeypatch.setattr(endpoint_list, "MAXIMUM_BYTES", 1 << 10)
    with pytest.raises(ListError, match="larger than"):
        read(str(tmp_path), ["protonvpn"])


def test_program_that_cannot_be_run_is_an_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_list.sys, "executable", str(tmp_path / "none"))
    with pytest.raises(ListError, match="cannot be read"):
        read_apart(str(tmp_path), ["protonvpn"])


def test_stamp_is_another_for_every_file_that_may_say_something_else(tmp_path: Path) -> None:
    seen = [stamp(str(tmp_path), ["protonvpn"])]
    for name in ("servers.json", "servers/manifest.json", "servers/protonvpn.json"):
        for text in ("{}", "{ }"):
            write(tmp_path, text, name)
            seen.append(stamp(str(tmp_path), ["protonvpn"]))
    assert len({json.dumps(one) for one in seen}) == len(seen)
    write(tmp_path, "{}", "servers/mullvad.json")
    assert stamp(str(tmp_path), ["protonvpn"]) == seen[-1]
