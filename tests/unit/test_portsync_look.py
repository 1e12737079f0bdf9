"""What is known without asking: files, processes, the device, who listens."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mediastack import portsync_look
from mediastack.docker_client import NotReachable

IGMP = """\
Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
12\ttun0      :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
"""


class FakeDocker:
    def __init__(self) -> None:
        self.containers: dict[str, Any] = {}
        self.asked = 0
        self.away = False

    def inspect(self, name: str) -> Any:
        self.asked += 1
        if self.away:
            raise NotReachable("away")
        return self.containers.get(name)


def container(pid: int, started: str) -> dict[str, Any]:
    return {"State": {"Running": bool(pid), "Pid": pid, "StartedAt": started}}


@pytest.fixture
def vpn(tmp_path: Path) -> dict[str, Any]:
    names = ("wake_file", "status_file", "control_key_file", "torrent_password_file")
    files = {name: str(tmp_path / name) for name in names}
    return {**files, "owner": "gluetun", "torrent_client": "qbittorrent", "interface": "lo"}


@pytest.fixture
def docker() -> FakeDocker:
    found = FakeDocker()
    found.containers = {
        "gluetun": container(os.getpid(), "g1"),
        "qbittorrent": container(os.getpid(), "q1"),
    }
    return found


def watch(vpn: dict[str, Any], docker: FakeDocker) -> portsync_look.Watch:
    return portsync_look.Watch(vpn, docker, vpn["wake_file"] + ".toml")  # type: ignore[arg-type]


def test_docker_is_asked_only_when_a_process_is_another_one(
    vpn: dict[str, Any], docker: FakeDocker
) -> None:
    looking = watch(vpn, docker)
    facts = looking.facts(None)
    assert (facts["owner"], facts["torrent"]) == ("g1", "q1") and docker.asked == 2
    docker.away = True
    assert looking.facts(None)["torrent"] == "q1" and docker.asked == 2


def test_a_process_that_has_gone_stirs_and_is_asked_about(
    vpn: dict[str, Any], docker: FakeDocker
) -> None:
    child = subprocess.Popen(["sleep", "60"])
    docker.containers["qbittorrent"] = container(child.pid, "q1")
    looking = watch(vpn, docker)
    assert looking.facts(None)["torrent"] == "q1"
    before = looking.signature(None)
    child.kill()
    child.wait()
    assert looking.signature(None) != before
    docker.containers["qbittorrent"] = container(0, "q1")
    assert looking.facts(None)["torrent"] == ""
    docker.away = True
    assert looking.facts(None)["torrent"] is None


@pytest.mark.parametrize(
    "name", ["wake_file", "status_file", "control_key_file", "torrent_password_file"]
)
def test_a_file_that_is_written_or_replaced_stirs(
    vpn: dict[str, Any], docker: FakeDocker, name: str
) -> None:
    looking, path = watch(vpn, docker), Path(vpn[name])
    looking.facts(None)
    before = looking.signature(None)
    assert looking.signature(None) == before
    path.write_text("40000")
    written = looking.signature(None)
    other = path.with_suffix(".new")
    other.write_text("40000")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert len({before, written, looking.signature(None)}) == 3


def test_the_device_is_found_by_the_kernels_list(tmp_path: Path) -> None:
    path = tmp_path / "igmp"
    path.write_text(IGMP)
    assert portsync_look.device(str(path), "tun0") == 12
    assert portsync_look.device(str(path), "tun1") == 0
    assert portsync_look.device(str(tmp_path / "absent"), "tun0") == 0
    index = socket.if_nametoindex("lo")
    assert portsync_look.device("/proc/self/net/igmp", "lo") == index


def test_listeners_come_first_and_no_further_is_read(tmp_path: Path) -> None:
    title = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    one = (
        "   {}: 0200000A:{:04X} 00000000:0000 {} 00000000:00000000 00:00000000 00000000  1000 0 7\n"
    )
    lines = [one.format(n, 40000 + n, "0A") for n in range(20)]
    lines += [one.format(20, 50000, "01"), one.format(21, 60000, "0A")]
    (tmp_path / "tcp").write_text(title + "".join(lines))
    for port, seen in ((40000, True), (40019, True), (50000, False), (60000, False)):
        assert portsync_look.listening(str(tmp_path), port) is seen


def test_who_listens_is_seen_and_what_cannot_be_seen_is_unknown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert portsync_look.listening("/proc/self/net", port) is True
    assert portsync_look.listening("/proc/self/net", port) is False
    assert portsync_look.listening(str(tmp_path), port) is None
