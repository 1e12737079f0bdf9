"""What is said to systemd, and what a boot is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mediastack import systemd


def test_ready_is_said_to_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.tell("READY=1")
        assert heard.recv(100) == b"READY=1"
    # Nobody there is fine too.
    systemd.tell("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.tell("READY=1")


def test_a_boot_is_another_kernel_or_another_first_process(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "1").mkdir()
    stat = "1 (sys) temd) S " + " ".join(str(number) for number in range(4, 53))
    found = set()
    for kernel, line in (("a", stat), ("b", stat), ("a", stat.replace(" 22 ", " 9 "))):
        (tmp_path / "sys/kernel/random/boot_id").write_text(f"{kernel}\n")
        (tmp_path / "1/stat").write_text(line)
        found.add(systemd.boot(str(tmp_path)))
    assert found == {"a 22", "b 22", "a 9"}
