"""Settings of hosts: read once, all problems at once, before any connection."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from settings_house import write

import host_settings
from settings import SettingsError

ROOT = Path(__file__).resolve().parents[2]
WRONG = {"host": {"puid": 0}, "network": {"subnet": "1.2.3.0/24"}, "colour": {}}


def house(folder: Path, own: dict[str, Any] | None = None) -> dict[str, str]:
    """A host's data that names files of its own."""
    folder.mkdir(exist_ok=True)
    settings_file, secrets_file = write(folder, own or {})
    return {"settings_file": str(settings_file), "secrets_file": str(secrets_file)}


def test_a_hosts_data_names_its_files(tmp_path: Path) -> None:
    data = house(tmp_path, {"host": {"puid": 2000}})
    assert host_settings.of(data).host.puid == 2000


def test_a_pair_of_files_is_read_once(tmp_path: Path) -> None:
    data = house(tmp_path)
    assert host_settings.of(data) is host_settings.of(dict(data))


def test_right_settings_pass(tmp_path: Path) -> None:
    host_settings.check([("a", house(tmp_path)), ("b", house(tmp_path))])


def test_wrong_settings_are_refused_with_every_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        host_settings.of(house(tmp_path, WRONG))
    assert len(caught.value.problems) == 3


def test_the_problems_of_all_hosts_are_told_once_each(tmp_path: Path) -> None:
    one = house(tmp_path / "one", WRONG)
    other = house(tmp_path / "other", {"vpn": {"provider": "nobody"}})
    with pytest.raises(SystemExit) as caught:
        host_settings.check([("a", one), ("b", one), ("c", other)])
    lines = str(caught.value.code).splitlines()
    assert len(lines) == 4
    assert all("; fix: " in line for line in lines)
    for told in ("host.puid", "network.subnet", "colour", "vpn.provider"):
        assert len([line for line in lines if told in line]) == 1


def inventory(folder: Path, data: dict[str, str]) -> Path:
    """This repository's inventory.py beside an inventory.local.py with one host."""
    copy = folder / "inventory.py"
    copy.write_text((ROOT / "inventory.py").read_text())
    # TEST-NET-1: nobody answers there, so a connection attempt would take its time.
    (folder / "inventory.local.py").write_text(f"hosts = [('192.0.2.1', {data!r})]\n")
    return copy


def test_the_users_inventory_is_taken_with_strict_host_keys(tmp_path: Path) -> None:
    data = {**house(tmp_path), "ssh_user": "anna", "ssh_known_hosts_file": "/own"}
    ((name, found),) = runpy.run_path(str(inventory(tmp_path, data)))["hosts"]
    assert name == "192.0.2.1"
    assert found["ssh_strict_host_key_checking"] == "yes"
    assert (found["ssh_user"], found["ssh_known_hosts_file"]) == ("anna", "/own")


def test_an_inventory_with_wrong_settings_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        runpy.run_path(str(inventory(tmp_path, house(tmp_path, WRONG))))


def test_without_any_inventory_the_way_to_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    (sandbox / "inventory.py").write_text((ROOT / "sandbox" / "inventory.py").read_text())
    (tmp_path / "inventory.py").write_text((ROOT / "inventory.py").read_text())
    with pytest.raises(SystemExit, match="fix: scripts/try starts a box"):
        runpy.run_path(str(tmp_path / "inventory.py"))


def test_pyinfra_ends_with_all_problems_and_exit_code_1_before_it_connects(
    tmp_path: Path,
) -> None:
    path = inventory(tmp_path, house(tmp_path, WRONG))
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "pyinfra"), str(path), "deploy.py", "-y"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = ended.stdout + ended.stderr
    assert ended.returncode == 1
    for told in ("host.puid", "network.subnet", "colour"):
        assert told in shown
    assert "Traceback" not in shown
    assert "onnecting" not in shown
