"""What is tried on a host rather than read: links as another account, the lock, the tunnel."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from mediastack import probes


def places(folder: Path, *names: str) -> dict[str, list[str]]:
    halves = [folder / half for half in ("torrents", "media")]
    for half in halves:
        half.mkdir()
        half.chmod(0o777)
    return {name: [str(half) for half in halves] for name in names}


SPEC = {"uid": os.getuid(), "gid": os.getgid()}


def test_a_link_is_tried_in_each_place_and_leaves_nothing(tmp_path: Path) -> None:
    assert probes.linked(places(tmp_path, "a", "b"), SPEC) == [["a", ""], ["b", ""]]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    found = places(tmp_path, "a")
    (tmp_path / "media").rmdir()
    ((name, problem),) = probes.linked(found, SPEC)
    assert name == "a" and "No such file" in problem


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try as another account")
def test_the_account_that_owns_the_media_tries(tmp_path: Path) -> None:
    found = places(tmp_path, "a")
    (tmp_path / "media").chmod(0o700)
    assert probes.linked(found, {"uid": 65534, "gid": 65534}) == [["a", "Permission denied"]]
    assert list((tmp_path / "torrents").iterdir()) == []


def mount(source: str, target: str, writable: bool = True) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": target, "RW": writable}


def test_a_path_is_found_inside_by_the_closest_writable_mount() -> None:
    one = {"State": {"Pid": 7}, "Mounts": [mount("/data", "/d"), mount("/data/media", "/m")]}
    assert probes.inside(one, "/data/torrents") == "/proc/7/root/d/torrents"
    assert probes.inside(one, "/data/media") == "/proc/7/root/m"
    assert probes.inside(one, "/database") == ""
    one["Mounts"] = [mount("/data", "/d", writable=False)]
    assert probes.inside(one, "/data/media") == ""


def test_who_holds_the_lock_is_said_and_a_free_one_stays_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "LOCK_SECONDS", 0)
    path = tmp_path / "lock"
    assert probes.lock(str(path)) == ""
    path.write_text('{"pid": 7}')
    assert probes.lock(str(path)) == ""
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert probes.lock(str(path)) == '{"pid": 7}'


def test_digests_are_keyed_and_absent_secrets_have_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("value")
    found = probes.digests(str(tmp_path), ["a", "b"], "key")
    assert found == {"a": hmac.new(b"key", b"value", hashlib.sha256).hexdigest()}


def test_only_the_settings_that_bind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_text("[BitTorrent]\nSession\\Interface=tun0\nWebUI\\Password_PBKDF2=secret\n")
    seen = probes.tunnel({"State": {"Pid": os.getpid()}}, str(path))
    assert seen["settings"] == {"Session\\Interface": "tun0"}
    assert "lo" in seen["devices"]


def test_the_forwarded_port_is_compared_with_who_listens_in_the_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, container = tmp_path / "forwarded_port", {"State": {"Pid": os.getpid()}}
    monkeypatch.setattr(probes, "FORWARDING_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path.write_text(f"{port}\n5000")
        seen = probes.forwarding(container, str(path))
        assert seen["port"] == port and port in seen["listening"]
    assert port not in probes.forwarding(container, str(path))["listening"]
    for text in ("", "none", "-1"):
        path.write_text(text)
        assert probes.forwarding(container, str(path))["port"] == 0
    assert probes.forwarding(None, str(tmp_path / "absent")) == {"port": 0, "listening": []}


def test_no_container_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    assert probes.reach(None, "192.0.2.1", 1) == "no container"
    assert probes.tunnel(None, str(tmp_path / "absent"))["settings"] == {}
