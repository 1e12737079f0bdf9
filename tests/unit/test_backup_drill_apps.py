"""An app on its restored state: well, ended, sick, deaf to its key; and always removed again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mediastack import compose
from mediastack.backup import drill_apps
from mediastack.backup.drill_container import LABEL, Places
from mediastack.docker_client import NotReachable

KEY = "0123456789abcdef0123456789abcdef"
IMAGE = "ghcr.io/linuxserver/sonarr:4.0.20@sha256:" + "a" * 64
NAME = "mediastack-drill-sonarr"


class FakeDocker:
    """One container that lives through given states, the last one for ever."""

    def __init__(self, *states: dict[str, Any] | None) -> None:
        self.states = list(states)
        self.removed: list[str] = []
        self.left: list[dict[str, Any]] = []

    def inspect(self, _: str) -> dict[str, Any] | None:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return None if state is None else {"State": state}

    def logs(self, _: str, __: float) -> str:
        return "2026-11-27T01:00:00.0Z first\n2026-11-27T01:00:01.0Z cannot open /config\n\n"

    def remove(self, name: str, grace: int) -> None:
        assert grace == 0
        self.removed.append(name)

    def containers(self, label: str) -> list[dict[str, Any]]:
        assert label == LABEL
        return self.left


class House:
    """A sonarr, its restored state, and what was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[list[str]] = []
        self.compose_file: dict[str, Any] = {}
        self.header = ""
        self.codes: dict[str, tuple[int, str]] = {}
        self.places = Places(str(folder / "sonarr"), str(folder / "secrets"), str(folder))
        self.config: dict[str, Any] = {
            "paths": {"etc": "/etc/mediastack", "data": "/data", "sentinel": "/data/.s"},
            "services": {"sonarr": {"stack": "downloads", "config": "/srv/sonarr", "port": 8989}},
        }
        (folder / "sonarr").mkdir()
        (folder / "sonarr" / "config.xml").write_text(f"<Config><ApiKey>{KEY}</ApiKey></Config>")

    def run(self, arguments: Sequence[str], _: float) -> subprocess.CompletedProcess[str]:
        self.ran.append(list(arguments))
        verb = arguments[1]
        if verb == "compose":
            path = arguments[list(arguments).index("-f") + 1]
            self.compose_file = json.loads(Path(path).read_text())
            header = self.folder / "header"
            self.header = header.read_text() if header.exists() else ""
        code, error = self.codes.get(verb, (0, ""))
        return subprocess.CompletedProcess(arguments, code, "", error)

    def ask(self, docker: Any) -> drill_apps.Answer:
        return drill_apps.ask(self.config, docker, "sonarr", IMAGE, self.places)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    found = House(tmp_path)
    described = {
        "image": "other",
        "environment": {"GREETING": "cost$s"},
        "volumes": [{"type": "bind", "source": "/srv/sonarr", "target": "/config"}],
        "healthcheck": {"test": ["CMD", "curl", "http://127.0.0.1:8989/ping"]},
    }
    monkeypatch.setattr(compose, "described", lambda *_: described)
    monkeypatch.setattr(drill_apps, "_run", found.run)
    monkeypatch.setattr(drill_apps, "POLL_SECONDS", 0.0)
    masked: Callable[[str], str] = lambda text: text.replace(KEY, "MASKED")  # noqa: E731
    monkeypatch.setattr(drill_apps.known_secrets, "of_this_house", lambda: masked)
    return found


def state(status: str = "running", health: str = "starting", code: int = 0) -> dict[str, Any]:
    return {"Status": status, "Health": {"Status": health}, "ExitCode": code}


def test_a_healthy_app_that_takes_its_key_is_well_and_removed(house: House) -> None:
    docker = FakeDocker(state("created"), state(), state(health="healthy"))
    answer = house.ask(docker)
    assert answer.problem == "" and "takes its key" in answer.said
    assert docker.removed == [NAME]
    made = house.compose_file["services"]["sonarr"]
    assert made["image"] == IMAGE
    assert made["network_mode"] == "none"
    # Compose reads a doubled dollar as one.
    assert made["environment"]["GREETING"] == "cost$$s"
    assert "--pull" in house.ran[0] and house.ran[0][house.ran[0].index("--pull") + 1] == "never"


def test_the_key_is_on_no_command_line_and_in_a_closed_file(house: House) -> None:
    house.ask(FakeDocker(state(health="healthy")))
    assert KEY not in json.dumps(house.ran)
    assert house.header == f"X-Api-Key: {KEY}\n"
    assert (house.folder / "header").stat().st_mode & 0o777 == 0o600
    asked = next(one for one in house.ran if one[1] == "exec")
    assert asked[-1] == "http://127.0.0.1:8989/api/v3/system/status"


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((state("exited", code=3),), "ended with 3 (cannot open /config)"),
        ((state(), state(health="unhealthy")), "is not well (cannot open"),
        (({"Status": "running"},), "has no health check"),
        ((state(), None), "removed by somebody"),
    ],
)
def test_an_app_that_is_not_well_says_why_and_is_removed(
    house: House, states: tuple[Any, ...], words: str
) -> None:
    docker = FakeDocker(*states)
    assert words in house.ask(docker).problem
    assert docker.removed == [NAME]


def test_an_app_that_refuses_its_key_is_not_well(house: House) -> None:
    house.codes["exec"] = (22, "curl: (22) The requested URL returned error: 401")
    answer = house.ask(FakeDocker(state(health="healthy")))
    assert answer.problem.startswith("does not answer to its key: curl: (22)")


def test_an_app_that_never_gets_well_is_not_waited_for_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_apps, "POLL_SECONDS", 0.01)
    docker: Any = FakeDocker(state())
    assert drill_apps.await_health(docker, NAME, 0.05) == "is not well after 0 s"


def test_an_app_without_a_key_in_its_configuration_is_asked_for_its_health_alone(
    house: House,
) -> None:
    (house.folder / "sonarr" / "config.xml").write_text("<Config/>")
    assert house.ask(FakeDocker(state(health="healthy"))).said.startswith("well after")
    assert [one[1] for one in house.ran] == ["compose"]


def test_what_cannot_be_made_is_removed_all_the_same(house: House) -> None:
    house.codes["compose"] = (1, "x\nError response from daemon: No such image: sonarr\n")
    docker = FakeDocker(state())
    with pytest.raises(compose.ComposeError, match="No such image"):
        house.ask(docker)
    assert docker.removed == [NAME]


def test_a_docker_that_goes_away_is_told(house: House) -> None:
    class Away(FakeDocker):
        def inspect(self, _: str) -> dict[str, Any] | None:
            raise NotReachable("gone")

    with pytest.raises(NotReachable):
        house.ask(Away(None))


def test_a_sweep_removes_every_container_with_our_label() -> None:
    docker: Any = FakeDocker(None)
    docker.left = [{"Id": "one"}, {"Id": "two"}]
    drill_apps.sweep(docker)
    assert docker.removed == ["one", "two"]


def test_a_command_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, 'files');"
        "from mediastack.backup import drill_apps;"
        f"drill_apps._run(['sh', '-c', 'echo $$ >{tmp_path}/pid; exec sleep 60'], 60)"
    )
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(["python3", "-c", program], cwd=root)
    try:
        pid = _written(tmp_path / "pid")
    finally:
        parent.kill()
        parent.wait()
    assert _is_gone(pid)


def _written(path: Path) -> int:
    import time

    for _ in range(500):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError("it did not start")


def _is_gone(pid: int) -> bool:
    import time

    for _ in range(250):
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if status.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
