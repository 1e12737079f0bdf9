"""remote/packages.py: only what is missing is installed, and nothing runs when nothing is."""

from __future__ import annotations

import fcntl
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import packages


class Apt:
    """dpkg and apt-get: some packages are there, what is called is written down."""

    def __init__(self, *installed: str) -> None:
        self.installed, self.calls = set(installed), list[list[str]]()
        self.half: set[str] = set()
        self.dependencies: list[str] = []

    def run(self, command: list[str], **more: Any) -> Any:
        if command[0] == "dpkg-query":
            wanted = command[command.index("-f") + 2 :]
            lines = [f"{name} installed" for name in wanted if name in self.installed]
            if wanted:
                lines += ["removed-once config-files", "half half-installed", "no not-installed"]
            lines += [f"{name} half-configured" for name in sorted(self.half)]
            return SimpleNamespace(stdout="\n".join(lines) + "\n", returncode=1)
        if "-s" in command:
            names = command[command.index("--no-install-recommends") + 1 :]
            lines = [f"Inst {name} (1.0 Debian:13 [amd64])" for name in [*names, "dependency"]]
            return SimpleNamespace(stdout="\n".join(lines) + "\n", returncode=0)
        if command[0] == "apt-cache":
            shown = "".join(f"{name}\n  Depends: <other>\n" for name in self.dependencies)
            return SimpleNamespace(stdout=shown, returncode=0)
        self.calls.append(command)
        assert more["env"]["DEBIAN_FRONTEND"] == "noninteractive"
        # A pipe to a controller that is gone would end dpkg in the middle of a package.
        assert stat.S_ISREG(os.fstat(more["stdout"].fileno()).st_mode)
        assert stat.S_ISREG(os.fstat(more["stderr"].fileno()).st_mode)
        if command[0] == "dpkg":
            self.half.clear()
        if "install" in command:
            self.installed |= set(command[command.index("--no-install-recommends") + 1 :])
        return SimpleNamespace(returncode=0)


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Apt:
    made = Apt("procps")
    double = SimpleNamespace(run=made.run, DEVNULL=packages.subprocess.DEVNULL)
    monkeypatch.setattr(packages, "subprocess", double)
    monkeypatch.setattr(packages, "LOCKS", ())
    return made


def spec(*names: str, repository: dict[str, str] | None = None) -> dict[str, Any]:
    return {"packages": list(names), "repository": repository, "before": "/nowhere/before.json"}


def test_what_is_missing_is_a_difference(apt: Apt) -> None:
    found = packages.check(spec("procps", "docker.io"))
    assert found == [{"path": "docker.io", "problem": "not installed"}]


@pytest.mark.parametrize("name", ["removed-once", "half", "no"])
def test_what_is_only_half_there_is_missing(apt: Apt, name: str) -> None:
    assert packages.missing([name]) == [name]


def test_nothing_is_called_when_nothing_is_missing(apt: Apt) -> None:
    assert packages.apply(spec("procps")) == []
    assert apt.calls == []


def test_only_what_is_missing_is_installed_after_one_update(apt: Apt) -> None:
    assert packages.apply(spec("procps", "docker.io", "docker-cli")) == ["docker.io", "docker-cli"]
    configure, update, broken, install = apt.calls
    assert configure == ["dpkg", "--configure", "-a"]  # of a run that was killed
    assert "--fix-broken" in broken
    assert update[-1] == "update"
    assert install[-2:] == ["docker.io", "docker-cli"]
    assert "procps" not in install
    assert packages.check(spec("procps", "docker.io", "docker-cli")) == []


def test_what_comes_is_noted_with_its_dependencies_before_it_is_installed(
    apt: Apt, tmp_path: Path
) -> None:
    note = tmp_path / "before.json"
    note.write_text('{"packages": []}')
    seen: list[str] = []
    real = apt.run

    def run(command: list[str], **more: Any) -> Any:
        if command[0] == "apt-get" and command[-1] == "docker.io" and "-s" not in command:
            seen.append(note.read_text())
        return real(command, **more)

    packages.subprocess.run = run  # type: ignore[assignment]
    packages.apply({**spec("docker.io"), "before": str(note)})
    assert seen == [note.read_text()]
    assert json.loads(note.read_text()) == {
        "packages": ["dependency", "docker.io"],
        "repository": [],
    }


def test_another_apt_is_waited_for(apt: Apt) -> None:
    packages.apply(spec("docker.io"))
    assert all("DPkg::Lock::Timeout=300" in one for one in apt.calls if one[0] == "apt-get")


@pytest.fixture
def repository(tmp_path: Path) -> dict[str, str]:
    return {
        "key": str(tmp_path / "keyrings" / "docker.asc"),
        "key_url": "https://packages.example/gpg",
        "source": str(tmp_path / "docker.sources"),
        "text": "Types: deb\n",
    }


def answer(monkeypatch: pytest.MonkeyPatch, result: bytes | OSError) -> None:
    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert url == "https://packages.example/gpg"
        if isinstance(result, OSError):
            raise result
        return io.BytesIO(result)

    monkeypatch.setattr(packages.urllib.request, "urlopen", urlopen)


def test_a_repository_comes_with_its_key(
    apt: Apt, repository: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, b"key")
    packages.apply(spec("docker-ce", repository=repository))
    assert Path(repository["key"]).read_bytes() == b"key"
    assert stat.S_IMODE(Path(repository["key"]).stat().st_mode) == 0o644  # apt's own user reads it
    assert Path(repository["source"]).read_text() == "Types: deb\n"
    assert [path.name for path in Path(repository["key"]).parent.iterdir()] == ["docker.asc"]


def test_a_key_that_is_there_is_not_fetched_again(
    apt: Apt, repository: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, OSError("no network"))
    Path(repository["key"]).parent.mkdir()
    Path(repository["key"]).write_bytes(b"key")
    packages.apply(spec("docker-ce", repository=repository))
    assert Path(repository["key"]).read_bytes() == b"key"


def test_a_killed_run_leaves_no_half_key(
    apt: Apt, repository: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, b"key")
    with monkeypatch.context() as patch:
        patch.setattr(packages.os, "replace", lambda *_: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            packages.apply(spec("docker-ce", repository=repository))
    assert not Path(repository["key"]).exists()
    packages.apply(spec("docker-ce", repository=repository))
    assert Path(repository["key"]).read_bytes() == b"key"


def test_a_repository_out_of_reach_is_told_with_a_way_out(
    apt: Apt, repository: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, OSError("no network"))
    with pytest.raises(OSError, match=r"cannot fetch https://packages.example/gpg .*fix:"):
        packages.apply(spec("docker-ce", repository=repository))
    assert apt.calls == []
    assert not Path(repository["source"]).exists()


def test_no_repository_is_added_when_everything_is_there(
    apt: Apt, repository: dict[str, str]
) -> None:
    packages.apply(spec("procps", repository=repository))
    assert not Path(repository["source"]).exists()


def test_a_dependency_that_a_killed_dpkg_left_is_a_difference_and_finished(apt: Apt) -> None:
    apt.half, apt.dependencies = {"whl", "of-somebody-else"}, ["procps", "whl"]
    assert packages.check(spec("procps")) == [{"path": "whl", "problem": "half installed"}]
    assert packages.apply(spec("procps")) == ["whl"]
    assert apt.calls == [["dpkg", "--configure", "-a"]]
    assert packages.check(spec("procps")) == []


HOLD = (
    "import fcntl, sys; handle = open(sys.argv[1], 'w'); fcntl.lockf(handle, fcntl.LOCK_EX);"
    " print('held', flush=True); sys.stdin.read()"
)


def test_a_lock_that_is_held_for_too_long_is_named_with_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "lock-frontend")
    assert packages.holder(path) == 0
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert packages.holder(path) == other.pid
        with pytest.raises(OSError, match=rf"lock-frontend is held by py.* \(pid {other.pid}\)"):
            packages.wait_for_locks((path,), wait=0)
    packages.wait_for_locks((path,), wait=0)
    with open(path, "w") as handle:
        fcntl.lockf(handle, fcntl.LOCK_EX)


def test_dpkg_itself_is_run_when_nobody_else_installs(
    apt: Apt, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(packages, "wait_for_locks", lambda: waits.append(len(apt.calls)))
    packages.apply(spec("docker.io"))
    assert waits == list(range(len(apt.calls)))


def test_what_apt_said_is_in_the_error() -> None:
    with pytest.raises(OSError, match="ended with 3:\nno such thing"):
        packages.run(["sh", "-c", "echo no such thing >&2; exit 3"])
