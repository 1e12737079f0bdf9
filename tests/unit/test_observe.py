"""observe.observe with a made-up engine and a made-up /proc of real files."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mediastack import atomic, observe, sentinel
from mediastack.docker_client import NotReachable


class FakeDocker:
    def __init__(self, containers: list[dict[str, Any]]) -> None:
        self.inspected = containers

    def containers(self) -> list[dict[str, Any]]:
        return self.inspected


def inspected(name: str, pid: int = 0, mounts: list[tuple[str, str]] | None = None) -> Any:
    return {
        "Name": f"/{name}",
        "Id": f"id-{name}",
        "Image": "sha256:1",
        "Config": {
            "Image": "registry/x:1",
            "Labels": {
                "io.mediastack.service": name,
                "io.mediastack.stack": "media",
                "io.mediastack.config": "h",
            },
        },
        "State": {
            "Status": "running" if pid else "exited",
            "Pid": pid,
            "ExitCode": 0,
            "Error": "" if pid else "why the start failed",
            "StartedAt": "a",
            "FinishedAt": "b",
        },
        "HostConfig": {"NetworkMode": "bridge"},
        "Mounts": [{"Type": "bind", "Source": s, "Destination": d} for s, d in mounts or []],
    }


class Host:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("etc", "program", "data", "state", "proc"):
            (root / name).mkdir()
        self.sentinel = root / "data" / ".mediastack-sentinel"
        self.sentinel.write_text("")
        self.config: dict[str, Any] = {
            "paths": {
                "etc": f"{root}/etc",
                "program": f"{root}/program",
                "state": f"{root}/state",
                "sentinel": str(self.sentinel),
                "config": f"{root}/config",
            },
            "secrets": [],
            "secret_files": [],
            "services": {"seerr": {"image": "registry/x:1"}},
        }

    def process(self, pid: int, mounts: list[tuple[str, str]]) -> None:
        """A process whose root shows hard links, as a bind mount shows the same inode."""
        directory = self.root / "proc" / str(pid)
        (directory / "ns").mkdir(parents=True)
        (directory / "ns" / "net").write_text("")
        for source, target in mounts:
            inside = Path(f"{directory}/root{target}")
            inside.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, inside)

    def observe(self, *containers: Any) -> dict[str, Any]:
        docker: Any = FakeDocker(list(containers))
        return observe.observe(self.config, docker, f"{self.root}/proc")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    file = tmp_path / "mediastack.toml"
    file.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}/state"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    return made


def test_a_running_container_is_described_with_the_inode_of_its_namespace(host: Host) -> None:
    host.process(7, [])
    found = host.observe(inspected("seerr", 7))["containers"][0]
    assert found["netns"] == os.stat(host.root / "proc/7/ns/net").st_ino
    assert (found["name"], found["status"], found["health"]) == ("seerr", "running", "none")
    assert (found["image"], found["config_hash"], found["stack"]) == ("registry/x:1", "h", "media")


def test_a_process_that_is_gone_meanwhile_is_unknown_not_an_error(host: Host) -> None:
    mounts = [(f"{host.root}/etc/a.conf", "/a.conf")]
    found = host.observe(inspected("seerr", 4242, mounts))["containers"][0]
    assert found["netns"] is None
    assert found["stale_mounts"] == []


def test_a_managed_file_replaced_by_rename_makes_its_mount_stale(host: Host) -> None:
    source = f"{host.root}/etc/a.conf"
    atomic.write(source, b"old")
    mounts = [(source, "/config/a.conf")]
    host.process(7, mounts)
    assert host.observe(inspected("seerr", 7, mounts))["containers"][0]["stale_mounts"] == []
    atomic.write(source, b"new")
    found = host.observe(inspected("seerr", 7, mounts))["containers"][0]
    assert found["stale_mounts"] == ["/config/a.conf"]


def test_mounts_outside_our_directories_are_not_compared(host: Host) -> None:
    source = f"{host.root}/data/film"
    atomic.write(source, b"old")
    mounts = [(source, "/film")]
    host.process(7, mounts)
    atomic.write(source, b"new")
    assert host.observe(inspected("seerr", 7, mounts))["containers"][0]["stale_mounts"] == []


def test_a_container_on_an_earlier_data_mount_shows_its_sentinel_as_stale(host: Host) -> None:
    mounts = [(str(host.sentinel), str(host.sentinel))]
    host.process(7, mounts)
    assert host.observe(inspected("seerr", 7, mounts))["containers"][0]["stale_mounts"] == []
    atomic.write(str(host.sentinel), b"")
    found = host.observe(inspected("seerr", 7, mounts))["containers"][0]
    assert found["stale_mounts"] == [str(host.sentinel)]


def test_without_the_sentinel_the_error_is_kept_and_nothing_is_called_stale(host: Host) -> None:
    mounts = [(str(host.sentinel), str(host.sentinel))]
    host.process(7, mounts)
    host.sentinel.unlink()
    observation = host.observe(inspected("seerr", 7, mounts))
    assert observation["data"]["present"] is False
    assert observation["data"]["error"] == "No such file or directory"
    assert observation["containers"][0]["stale_mounts"] == []


def test_the_wanted_image_is_the_locked_one(host: Host) -> None:
    digest = "sha256:" + "a" * 64
    lock = {"schema": 1, "services": {"seerr": {"image": "registry/x:1", "digest": digest}}}
    (host.root / "state/images.lock").write_text(json.dumps(lock))
    assert host.observe()["images"] == {"seerr": f"registry/x:1@{digest}"}


def test_the_verb_prints_json_for_a_configuration_given_on_stdin(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(observe, "Docker", lambda: FakeDocker([inspected("seerr")]))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(host.config)))
    assert observe.main(["--config", "-"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [container["status"] for container in printed["containers"]] == ["exited"]
    assert [container["error"] for container in printed["containers"]] == ["why the start failed"]
    assert printed["images"] == {"seerr": "registry/x:1"}


def test_what_the_verb_prints_has_the_stops_of_a_moment_ago(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(observe, "Docker", lambda: FakeDocker([inspected("seerr")]))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(host.config)))
    monkeypatch.setattr(
        observe.user_stops, "foresee", lambda _, seen: seen["intents"].update(seerr={})
    )
    assert observe.main(["--config", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["intents"] == {"seerr": {}}


def test_the_verb_fails_with_one_line_when_docker_does_not_answer(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Away:
        def containers(self) -> Any:
            raise NotReachable("Docker at x does not answer")

    monkeypatch.setattr(observe, "Docker", Away)
    assert observe.main([]) == 1
    assert capsys.readouterr().err == "mediastack observe: Docker at x does not answer\n"


def test_a_sentinel_that_never_answers_costs_the_deadline_and_is_not_definite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "stat"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = sentinel.probe("/x", deadline_seconds=0.2)
    assert (found["present"], found["definite"]) == (False, False)
    assert found["error"] == "timeout after 0.2 s"


def test_the_words_of_the_kernel_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = tmp_path / "stat"
    dead.write_text(
        "#!/bin/sh\n"
        "echo \"stat: cannot statx '/x': Transport endpoint is not connected\" >&2; exit 1\n"
    )
    dead.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = sentinel.probe("/x")
    assert (found["definite"], found["error"]) == (True, "Transport endpoint is not connected")


def test_one_probe_answers_for_several_paths_with_what_each_is(tmp_path: Path) -> None:
    there = tmp_path / "with blank"
    there.write_text("")
    status = there.stat()
    found = sentinel.identities([str(there), f"{tmp_path}/absent"])
    assert found[str(there)] == (status.st_dev, status.st_ino)
    assert found[f"{tmp_path}/absent"] == "No such file or directory"


def test_attachments_are_read_from_what_docker_was_asked_for() -> None:
    made = {
        "HostConfig": {
            "NetworkMode": "homelab",
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "PortBindings": {
                "80/tcp": [{"HostIp": "192.0.2.1", "HostPort": "8090"}],
                "53/udp": [{"HostIp": "", "HostPort": "53"}],
            },
        },
        "NetworkSettings": {
            "Networks": {
                "homelab": {"IPAMConfig": {"IPv4Address": "172.30.0.9"}},
                "added": {"IPAMConfig": None, "IPAddress": "172.31.0.2"},
            }
        },
    }
    assert observe.attached(made) == {
        "restart": "always",
        "networks": {"homelab": "172.30.0.9", "added": ""},
        "ports": ["192.0.2.1:8090:80", ":53:53/udp"],
    }


@pytest.mark.parametrize("mode", ["host", "container:0123"])
def test_a_container_without_a_network_of_its_own_has_none_attached(mode: str) -> None:
    made = {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": {mode: {}}}}
    assert observe.attached(made) == {"restart": "no", "networks": {}, "ports": []}


def test_a_frozen_container_has_its_namespace_still_and_what_docker_says_of_its_life_is_told(
    host: Host,
) -> None:
    host.process(7, [])
    frozen = inspected("sonarr", pid=7)
    frozen["State"] |= {"Status": "paused", "OOMKilled": True}
    frozen |= {"RestartCount": 3, "Created": "2026-11-27T12:00:00.5Z"}
    (found,) = host.observe(frozen)["containers"]
    assert found["netns"] == os.stat(host.root / "proc/7/ns/net").st_ino
    assert (found["oom_killed"], found["restarts"]) == (True, 3)
    assert found["created_at"] == 1795780800.5


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/usr/libexec/docker/cli-plugins/docker-compose\0compose\0up\0", True),
        ("/usr/bin/python3\0/usr/local/bin/docker-compose\0up\0", True),
        ("docker\0logs\0docker-compose\0", False),
        ("", False),
    ],
)
def test_a_compose_at_work_is_seen_when_a_recreate_has_left_something(
    host: Host, command: str, answer: bool
) -> None:
    process = host.root / "proc" / "12"
    process.mkdir()
    (process / "cmdline").write_text(command)
    left = inspected("sonarr")
    assert host.observe(left)["composing"] is False
    left["Name"] = "/0123456789ab_sonarr"
    assert host.observe(left)["composing"] is answer
