"""What a user does with settings: add, leave out, change, mistake; by real deploys of a box."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import house
import pytest

from catalog import SERVICES
from checks import box, checkout
from checks.box import Host

pytestmark = pytest.mark.box

STATE = "/srv/mediastack/config"
STAND_IN = SERVICES["flaresolverr"]
CHANGES = f"""
[services.mine]
image = "{STAND_IN.image}"
tag = "{STAND_IN.tag}"
stack = "media"
zone = "bridge"
address = 77
port = {STAND_IN.port}
host_port = 18191
publish = true
capabilities = []
config_path = "/config"
health = {{ test = ["CMD-SHELL", "curl -fsS http://127.0.0.1:{STAND_IN.port}/health"] }}

[services.maintainerr]
enabled = false

[services.seerr]
host_port = 15055
"""
MISTAKES = {
    "host.puid": "[host]\npuid = 0",
    "host.timezone": 'timezone = "Mars/Base"',
    "host.tymezone": 'tymezone = "Etc/UTC"',
    "services.seerr.host_port": "[services.seerr]\nhost_port = 99999",
    "services.maintainer": "[services.maintainer]\nenabled = false",
    "vpn.wireguard_private_key": '[vpn]\nwireguard_private_key = "x"',
}


class Changed:
    """The box before the settings changed, with them, and after they were taken back."""

    def __init__(self, host: Host, settings: Path) -> None:
        self.host = host
        box.run(host, f"echo kept >{STATE}/maintainerr/kept")
        self.before = house.ids(host)
        with house.with_settings(settings):
            box.deploy(host)
        self.with_changes = house.containers(host)
        self.compose = box.run(host, "cat /opt/mediastack/stacks/media/compose.yaml")
        self.config = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))
        self.status = house.manage(host, "status").printed
        self.answer = self.ask("/health", 18191)
        self.seerr = self.ask("/api/v1/settings/public", 15055)
        self.kept = box.run(host, f"cat {STATE}/maintainerr/kept; touch {STATE}/mine/kept")
        box.deploy(host)
        self.after = house.containers(host)

    def ask(self, path: str, port: int) -> int:
        """The exit code of asking a published port, from the box itself by its LAN address."""
        url = f"http://{self.host.box.address}:{port}{path}"
        program = f"import urllib.request as u; u.urlopen({url!r}, timeout=5)"
        return int(house.execute(self.host, f'python3 -c "{program}"').code)


@pytest.fixture(scope="module")
def changed(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    yield Changed(host, house.settings_file(tmp_path_factory.mktemp("settings"), CHANGES))
    box.run(host, f"rm -rf {STATE}/mine {STATE}/maintainerr/kept")


def test_a_service_of_the_users_own_runs_like_any_other(changed: Changed) -> None:
    mine = changed.with_changes["mine"]
    assert mine["State"]["Health"]["Status"] == "healthy"
    assert changed.answer == 0
    assert changed.config["services"]["mine"]["url"].endswith(":18191")
    assert "mine" in changed.config["stacks"]["media"]["services"]
    assert "mine" in changed.status


def test_left_out_again_it_goes_and_its_state_stays(changed: Changed) -> None:
    assert "mine" not in changed.after
    compose = box.run(changed.host, "cat /opt/mediastack/stacks/media/compose.yaml")
    assert "container_name: mine" in changed.compose
    assert "container_name: mine" not in compose
    assert house.execute(changed.host, f"test -e {STATE}/mine/kept").code == 0
    assert changed.ask("/health", 18191) != 0


def test_a_service_switched_off_goes_and_comes_back_with_its_state(changed: Changed) -> None:
    assert "maintainerr" in changed.before
    assert "maintainerr" not in changed.with_changes
    assert "container_name: maintainerr" not in changed.compose
    assert changed.kept == "kept\n"
    assert house.state(changed.host, "maintainerr") == "healthy"
    assert box.run(changed.host, f"cat {STATE}/maintainerr/kept") == "kept\n"


def test_a_changed_setting_recreates_its_service_and_no_other(changed: Changed) -> None:
    both = changed.before.keys() & changed.with_changes.keys()
    moved = {name for name in both if changed.before[name] != changed.with_changes[name]["Id"]}
    assert moved == {"seerr"}
    assert changed.seerr == 0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port in place of a host's sshd, where a connection would arrive."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def refused(host: Host, listener: socket.socket, *, settings: Path, secrets: Path) -> str:
    """What a deploy to the listener prints, which has to end with 1 before it connects."""
    with elsewhere(host, listener, settings, secrets) as process:
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == 1, printed
    listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        listener.accept()
    return str(printed)


@contextlib.contextmanager
def elsewhere(host: Host, listener: socket.socket, settings: Path, secrets: Path) -> Iterator[Any]:
    """A deploy whose inventory.local.py names the listener."""
    address, port = listener.getsockname()
    data = {"ssh_port": port, "settings_file": str(settings), "secrets_file": str(secrets)}
    with checkout.frozen(host.sources) as sources:
        (sources / "inventory.local.py").write_text(f"hosts = [({address!r}, {data!r})]\n")
        process = house.pyinfra(sources)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.toml"
    path.touch(0o600)
    key = base64.b64encode(bytes(range(32))).decode()
    path.write_text(f'[gluetun]\nwireguard_private_key = "{key}"\n')
    return path


def test_with_good_settings_a_connection_would_arrive(
    host: Host, listener: socket.socket, tmp_path: Path, secrets: Path
) -> None:
    with elsewhere(host, listener, house.settings_file(tmp_path, ""), secrets):
        connection, _ = listener.accept()
        connection.close()


def test_all_mistakes_are_told_at_once_before_any_connection(
    host: Host, listener: socket.socket, tmp_path: Path, secrets: Path
) -> None:
    settings = house.settings_file(tmp_path, "\n".join(MISTAKES.values()))
    lines = refused(host, listener, settings=settings, secrets=secrets).splitlines()
    for path in MISTAKES:
        named = [line for line in lines if f"settings.toml: {path}: " in line]
        assert len(named) == 1, (path, lines)
        assert "fix: " in named[0]


def test_wrong_settings_change_nothing_on_the_host(host: Host, tmp_path: Path) -> None:
    before = house.managed_files(host), house.ids(host)
    assert len(before[0]) > 50
    with house.with_settings(house.settings_file(tmp_path, "\n".join(MISTAKES.values()))):
        done = box.deploy(host, check=False)
    assert done.code == 1
    assert (house.managed_files(host), house.ids(host)) == before


def test_a_missing_wireguard_key_is_asked_for_by_name(
    host: Host, listener: socket.socket, tmp_path: Path, secrets: Path
) -> None:
    secrets.write_text("")
    settings = house.settings_file(tmp_path, "")
    printed = refused(host, listener, settings=settings, secrets=secrets)
    assert "gluetun.wireguard_private_key: " in printed
    assert "fix: " in printed


def test_secrets_that_others_can_read_are_refused(
    host: Host, listener: socket.socket, tmp_path: Path, secrets: Path
) -> None:
    secrets.chmod(0o644)
    settings = house.settings_file(tmp_path, "")
    printed = refused(host, listener, settings=settings, secrets=secrets)
    assert "secrets.toml" in printed
    assert "chmod 600" in printed
    assert "A" * 43 not in printed
