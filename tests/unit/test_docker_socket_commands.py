"""docker_socket's commands: inside a container that runs, and in one made for the command alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_house import EngineServer, Handler, client, framed, too_late

from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_socket import DockerSocket


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineServer]:
    with EngineServer(tmp_path / "docker.sock") as server:
        yield server


@pytest.fixture
def docker(engine: EngineServer) -> DockerSocket:
    return client(engine)


def test_a_command_inside_gives_its_exit_code_and_what_it_printed(
    engine: EngineServer, docker: DockerSocket
) -> None:
    def raw(handler: Handler) -> None:
        # As Docker does: no length, the end of the connection is the end.
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n")
        handler.wfile.write(framed(b"-P OUTPUT DROP\n") + framed(b"caf\xe9", 2))
        handler.hang_up()

    engine.answers["POST /containers/gluetun/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = raw
    engine.answers["GET /exec/e1/json"] = (200, {"ExitCode": 3})
    assert docker.execute("gluetun", ["iptables", "-S"], 5) == (3, "-P OUTPUT DROP\ncaf\ufffd")
    assert engine.seen[1][2]["Cmd"] == ["iptables", "-S"]


def test_a_command_inside_that_is_late_is_not_reachable(
    engine: EngineServer, docker: DockerSocket
) -> None:
    engine.answers["POST /containers/gluetun/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = too_late
    with pytest.raises(NotReachable):
        docker.execute("gluetun", ["iptables"], 0.2)


def trial(engine: EngineServer, looks: int) -> None:
    left = [looks]

    def state(handler: Handler) -> None:
        left[0] -= 1
        status = "exited" if left[0] < 0 else "running"
        handler.say(200, {"State": {"Status": status, "ExitCode": 3}})

    engine.answers |= {
        "POST /containers/create": (201, {"Id": "t1"}),
        "POST /containers/t1/start": (204, None),
        "GET /containers/t1/json": state,
        "GET /containers/t1/logs": (200, framed(b"said")),
        "POST /containers/t1/stop": (304, None),
        "DELETE /containers/t1": (204, None),
    }


RUN: dict[str, Any] = {
    "environment": {"A": "1"},
    "mounts": [("/here", "/there", True)],
    "labels": {"whose": "ours"},
}


def test_a_run_has_no_network_and_no_powers_and_leaves_nothing(
    engine: EngineServer, docker: DockerSocket
) -> None:
    trial(engine, 1)
    assert docker.run("image", ("verb",), timeout_seconds=9, **RUN) == (3, "said")
    wanted = engine.seen[1][2]
    assert (wanted["Image"], wanted["Cmd"], wanted["Env"]) == ("image", ["verb"], ["A=1"])
    host = wanted["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"]) == ("none", ["ALL"])
    assert host["Mounts"][0]["ReadOnly"] is True
    assert engine.called()[-1] == "DELETE /containers/t1"


def test_a_run_that_is_late_is_an_error_and_leaves_nothing(
    engine: EngineServer, docker: DockerSocket
) -> None:
    trial(engine, 10**9)
    with pytest.raises(DockerError, match="no end after 0 s"):
        docker.run("image", ("verb",), timeout_seconds=0, **RUN)
    assert engine.called()[-1] == "DELETE /containers/t1"
