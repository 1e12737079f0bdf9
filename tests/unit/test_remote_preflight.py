"""remote/preflight.py: what a host says about itself, here and in the kernel's own formats."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import preflight

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 8:17 / /data rw shared:2 master:7 - ext4 /dev/sdb1 rw
31 30 8:33 / /data/media rw - xfs /dev/sdc1 rw
32 22 8:49 / /database rw - btrfs /dev/sdd1 rw
33 22 0:50 / /srv/config rw - nfs4 nas:/config rw
34 22 8:65 / /srv/config rw - ext4 /dev/sde1 rw
"""


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files that are read, by path; what is not in it is absent."""
    made: dict[str, str] = {}
    monkeypatch.setattr(preflight, "read", lambda path: made.get(path, ""))
    return made


def place(path: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The location of a path on a host with these mounts where every path exists."""
    files["/proc/self/mountinfo"] = MOUNTINFO
    fake = SimpleNamespace(
        stat=lambda _: SimpleNamespace(st_dev=1),
        path=SimpleNamespace(
            exists=lambda _: True,
            realpath=lambda one: one,
            dirname=lambda one: one.rpartition("/")[0] or "/",
        ),
    )
    with monkeypatch.context() as patch:
        patch.setattr(preflight, "os", fake)
        patch.setattr(
            preflight, "shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=7))
        )
        return preflight.location(path, preflight.mounts())


@pytest.mark.parametrize(
    ("path", "kind", "is_mount", "inside"),
    [
        ("/data", "ext4", True, ["/data/media"]),
        ("/data/torrents", "ext4", False, []),
        ("/data/media", "xfs", True, []),
        ("/database", "btrfs", True, []),
        ("/dat", "ext4", False, []),
        ("/srv/config", "ext4", True, []),  # the later mount covers the NFS one
        ("/srv/config/sonarr", "ext4", False, []),
        ("/srv", "ext4", False, ["/srv/config", "/srv/config"]),
    ],
)
def test_the_file_system_of_a_path_is_the_mount_nearest_above_it(
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    kind: str,
    is_mount: bool,
    inside: list[str],
) -> None:
    found = place(path, files, monkeypatch)
    assert (found["type"], found["is_mount"], found["inside"]) == (kind, is_mount, inside)
    assert found["free_bytes"] == 7


def test_the_root_is_not_a_mount_of_the_users(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place("/", files, monkeypatch)["is_mount"] is False


def test_a_path_that_is_still_to_be_made_has_nothing_mounted_inside(tmp_path: Path) -> None:
    found = preflight.location("/no-such-directory/data", preflight.mounts())
    assert (found["exists"], found["is_mount"], found["inside"]) == (False, False, [])
    assert found["free_bytes"] > 0
    assert preflight.location(str(tmp_path), preflight.mounts())["exists"] is True


def test_a_link_to_a_mount_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/proc")
    found = preflight.location(str(tmp_path / "data"), preflight.mounts())
    assert (found["type"], found["is_mount"]) == ("proc", True)


def test_os_release_has_its_quotes_removed(files: dict[str, str]) -> None:
    files["/etc/os-release"] = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n\n# x\n'
    assert preflight.os_release() == {
        "ID": "debian",
        "VERSION_ID": "12",
        "PRETTY_NAME": "Debian 12",
    }


@pytest.mark.parametrize(
    ("digits", "address"),
    [
        ("00000000", "0.0.0.0"),
        ("0100007F", "127.0.0.1"),
        ("0A01A8C0", "192.168.1.10"),
        ("0" * 32, "::"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000A01A8C0", "192.168.1.10"),
    ],
)
def test_addresses_are_read_as_the_kernel_prints_them(digits: str, address: str) -> None:
    assert preflight.ip_address(digits) == address


def test_a_listener_is_found_with_its_address_port_and_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [one for one in preflight.listeners() if one["port"] == port]
    assert [one["address"] for one in found] == ["127.0.0.1"]
    assert found[0]["program"] == Path("/proc/self/comm").read_text().strip()
    assert not [one for one in preflight.listeners() if one["port"] == port]


def test_a_connection_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            own = client.getsockname()[1]
            assert own not in [one["port"] for one in preflight.listeners()]


def test_the_default_address_is_that_of_the_default_route(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "Iface\tDestination\tGateway\tFlags\n"
    other = "docker0\t000011AC\t00000000\t0001\n"
    files["/proc/net/route"] = head + other + "eth0\t00000000\t0101A8C0\t0003\n"
    shown = [{"addr_info": [{"scope": "global", "local": "192.168.1.10"}]}]
    asked = []

    def run(command: list[str], **_: Any) -> Any:
        asked.append(command[-1])
        return SimpleNamespace(stdout=json.dumps(shown))

    monkeypatch.setattr(preflight, "subprocess", SimpleNamespace(run=run))
    assert preflight.default_address() == "192.168.1.10"
    assert asked == ["eth0"]
    files["/proc/net/route"] = head + other
    assert preflight.default_address() == ""


def test_our_ports_are_those_of_our_running_containers(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files["/etc/mediastack/mediastack.toml"] = (
        "[host]\nname = 'x'\n[services.plex]\nport = 1\npublished_port = 32400\n"
        "[services.cross-seed]\npublished_port = 2468\n[services.wud]\npublished_port = 3000\n"
    )
    fake = SimpleNamespace(
        run=lambda *_, **__: SimpleNamespace(stdout="plex\ncross-seed\nbazarr\n")
    )
    monkeypatch.setattr(preflight, "subprocess", fake)
    monkeypatch.setattr(preflight.shutil, "which", lambda _: "/usr/bin/docker")
    assert preflight.our_ports() == [32400, 2468]
    monkeypatch.setattr(preflight.shutil, "which", lambda _: None)
    assert preflight.our_ports() == []


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('schema = 1\nrelease = "0.1.0+abc"\n[host]\n', "0.1.0+abc"),
        ('schema = 1\n[host]\nrelease = "another"\n', ""),
        ("", ""),
    ],
)
def test_the_release_is_the_one_at_the_top_of_the_deployed_file(
    files: dict[str, str], text: str, release: str
) -> None:
    files["/etc/mediastack/mediastack.toml"] = text
    assert preflight.release() == release


def test_this_machine_answers_with_everything_the_rules_read(tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    paths = {"config": str(tmp_path / "new" / "config"), "data": str(tmp_path), "docker": "/"}
    found = json.loads(json.dumps(preflight.check({"paths": paths})))
    assert {name: type(value) for name, value in found.items()} == {
        "python": list,
        "os_release": dict,
        "architecture": str,
        "host_name": str,
        "is_root": bool,
        "systemd": bool,
        "time": float,
        "memory_bytes": int,
        "places": dict,
        "fstab": list,
        "data_record": type(found["data_record"]),
        "tun": bool,
        "default_address": str,
        "addresses": list,
        "listeners": list,
        "our_ports": list,
        "release": str,
        "daemon_json": str,
        "docker_key_error": str,
    }
    assert found["places"].keys() == paths.keys()
    assert found["memory_bytes"] > 1 << 28
    assert sorted(tmp_path.iterdir()) == before


def test_fstab_names_mount_points_without_comments(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files["/etc/fstab"] = "# /dev/x /no ext4\n\nUUID=1 /data ext4 defaults 0 2\nbroken\n"
    files["/proc/self/mountinfo"] = MOUNTINFO
    files["/var/lib/mediastack/data.json"] = '{"is_mount": true}'
    found = preflight.check({"paths": {}})
    assert found["fstab"] == ["/data"]
    assert found["data_record"] == {"is_mount": True}


def test_dockers_repository_is_tried_only_where_docker_has_to_come_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {"debian 12": "https://docker.example/gpg"}
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> None:
        asked.append(url)
        raise OSError("no way there")

    monkeypatch.setattr(preflight.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(preflight.shutil, "which", lambda _: None)
    monkeypatch.setattr(preflight, "os_release", lambda: {"ID": "debian", "VERSION_ID": "13"})
    assert preflight.docker_key_error(keys) == ""
    monkeypatch.setattr(preflight, "os_release", lambda: {"ID": "debian", "VERSION_ID": "12"})
    assert preflight.docker_key_error(keys) == "https://docker.example/gpg: no way there"
    assert asked == ["https://docker.example/gpg"]
    monkeypatch.setattr(preflight.shutil, "which", lambda _: "/usr/bin/dockerd")
    assert preflight.docker_key_error(keys) == ""


@pytest.mark.parametrize("text", ["", "{half", '{"is_mount": true}\n# by hand\n'])
def test_a_damaged_record_is_none_at_all(text: str) -> None:
    assert preflight.parsed(text) is None
    assert preflight.parsed('{"is_mount": true}') == {"is_mount": True}
