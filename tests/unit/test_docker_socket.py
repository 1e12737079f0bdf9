"""docker_socket.DockerSocket against a real little HTTP server on a unix socket.

The same expectations as of docker_client.Docker: what is unknown, absent, refused.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_house import EngineServer, Handler, client, too_late

from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import Engine
from mediastack.docker_socket import DockerSocket

FILES = Path(__file__).parents[2] / "files"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineServer]:
    with EngineServer(tmp_path / "docker.sock") as server:
        yield server


@pytest.fixture
def docker(engine: EngineServer) -> DockerSocket:
    return client(engine)


def test_it_is_an_engine_and_asks_for_the_version_that_the_engine_speaks(
    engine: EngineServer, docker: DockerSocket
) -> None:
    typed: Engine = docker
    engine.answers["GET /networks"] = (200, [{"Name": "homelab"}])
    assert typed.networks() == [{"Name": "homelab"}]
    assert engine.versions == ["_ping", "v1.45"]


def test_containers_that_vanish_or_are_one_off_are_left_out(
    engine: EngineServer, docker: DockerSocket
) -> None:
    one_off = {"Id": "run", "Labels": {"com.docker.compose.oneoff": "True"}}
    engine.answers["GET /containers/json"] = (
        200,
        [{"Id": "a", "Labels": None}, {"Id": "gone"}, one_off],
    )
    engine.answers["GET /containers/a/json"] = (200, {"Id": "a"})
    assert docker.containers() == [{"Id": "a"}]
    query = engine.seen[1][1]
    assert query["all"] == "1"
    assert json.loads(query["filters"]) == {"label": ["io.mediastack.service"]}
    assert docker.inspect("gone") is None
    # All over one connection.
    assert len(engine.connections) == 1


def test_only_containers_of_the_services_that_were_named_are_inspected(
    engine: EngineServer, docker: DockerSocket
) -> None:
    label = "io.mediastack.service"
    listed = [{"Id": "a", "Labels": {label: "sonarr"}}, {"Id": "b", "Labels": {label: "plex"}}]
    engine.answers["GET /containers/json"] = (200, listed)
    engine.answers["GET /containers/a/json"] = (200, {"Id": "a"})
    assert docker.containers(services=["sonarr"]) == [{"Id": "a"}]
    assert engine.called() == ["GET /containers/json", "GET /containers/a/json"]


def test_a_chunked_answer_is_put_together(engine: EngineServer, docker: DockerSocket) -> None:
    def chunked(handler: Handler) -> None:
        handler.begin_chunks()
        for part in (b'[{"Na', b'me":"h', b'omelab"}]'):
            handler.chunk(part)
        handler.chunk(b"")

    engine.answers["GET /networks"] = chunked
    assert docker.networks() == [{"Name": "homelab"}]
    assert docker.networks() == [{"Name": "homelab"}]
    assert len(engine.connections) == 1


def test_no_socket_is_not_reachable_and_the_message_names_it() -> None:
    with pytest.raises(NotReachable, match="/nowhere/docker.sock"):
        DockerSocket("/nowhere/docker.sock").ping()


def cut_in_the_middle(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'[{"Name":')
    handler.hang_up()


def cut_in_a_chunk(handler: Handler) -> None:
    handler.begin_chunks()
    handler.wfile.write(b'40\r\n[{"Name"')
    handler.hang_up()


def nothing_at_all(handler: Handler) -> None:
    handler.hang_up()


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"message": "going down"}),
        (503, b"not json"),
        (200, b"<html>"),
        cut_in_the_middle,
        cut_in_a_chunk,
        nothing_at_all,
        too_late,
    ],
)
def test_what_leaves_us_in_the_dark_is_not_reachable_and_the_next_call_works(
    engine: EngineServer, docker: DockerSocket, answer: Any
) -> None:
    engine.answers["GET /networks"] = answer
    with pytest.raises(NotReachable):
        docker.networks()
    engine.answers["GET /networks"] = (200, [])
    assert docker.networks() == []


@pytest.mark.parametrize("status", [409, 500])
def test_a_refusal_is_dockers_own_words(
    engine: EngineServer, docker: DockerSocket, status: int
) -> None:
    engine.answers["POST /containers/sonarr/start"] = (status, {"message": "words of Docker"})
    with pytest.raises(DockerError, match="^words of Docker$"):
        docker.start("sonarr")


def test_what_is_so_already_is_fine(engine: EngineServer, docker: DockerSocket) -> None:
    for verb in ("start", "stop"):
        engine.answers[f"POST /containers/sonarr/{verb}"] = (304, None)
    docker.start("sonarr")
    docker.stop("sonarr", 7)
    docker.stop("gone", 7)
    docker.remove("gone")
    for verb in (docker.start, docker.pause, docker.resume):
        with pytest.raises(DockerError, match="no /containers/gone"):
            verb("gone")


def test_a_stop_may_take_its_grace(engine: EngineServer, docker: DockerSocket) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.8)
        handler.say(204)

    engine.answers["POST /containers/sonarr/stop"] = slow
    docker.stop("sonarr", 1)
    engine.answers["POST /containers/sonarr/restart"] = slow
    docker.restart("sonarr", 1)
    assert [query.get("t") for _, query, _ in engine.seen[1:]] == ["1", "1"]
    with pytest.raises(NotReachable):
        docker.stop("sonarr", 0)


def test_rename_and_remove_say_what_docker_expects(
    engine: EngineServer, docker: DockerSocket
) -> None:
    engine.answers["POST /containers/0123456789ab_sonarr/rename"] = (204, None)
    engine.answers["POST /containers/sonarr/stop"] = (204, None)
    engine.answers["DELETE /containers/sonarr"] = (204, None)
    docker.rename("0123456789ab_sonarr", "sonarr")
    docker.remove("sonarr", 3)
    assert [query for _, query, _ in engine.seen[1:]] == [
        {"name": "sonarr"},
        {"t": "3"},
        {"v": "1", "force": "1"},
    ]


def test_a_name_is_never_a_path(engine: EngineServer, docker: DockerSocket) -> None:
    assert docker.inspect("../../images/json?x=") is None
    assert engine.called() == ["GET /containers/..%2F..%2Fimages%2Fjson%3Fx%3D/json"]


def test_a_connection_that_docker_closed_meanwhile_is_made_anew(
    engine: EngineServer, docker: DockerSocket
) -> None:
    docker.ping()
    engine.connections[0].shutdown(socket.SHUT_RDWR)
    time.sleep(0.05)
    # An engine that was updated speaks another version.
    engine.version = "1.52"
    engine.answers["GET /networks"] = (200, [])
    docker.networks()
    assert engine.versions[-1] == "v1.52"


def test_each_thread_has_a_connection_of_its_own(
    engine: EngineServer, docker: DockerSocket
) -> None:
    threads = [threading.Thread(target=docker.ping) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engine.connections) == 3


def test_images_and_digests(engine: EngineServer, docker: DockerSocket) -> None:
    pulled = {"RepoDigests": ["registry:5000/a/b@sha256:1"]}
    engine.answers["GET /images/registry:5000/a/b:1/json"] = (200, pulled)
    assert docker.images(["registry:5000/a/b:1", "absent:1"]) == {
        "registry:5000/a/b:1": pulled,
        "absent:1": None,
    }
    assert docker.image_digest("registry:5000/a/b:1") == "sha256:1"
    assert docker.image_digest("absent:1") == ""


def test_an_image_gets_one_more_name(engine: EngineServer, docker: DockerSocket) -> None:
    reference = "registry:5000/a/b:1@sha256:1"
    engine.answers[f"POST /images/{reference}/tag"] = (201, {})
    docker.tag(reference, "registry:5000/a/b", "1")
    assert engine.seen[-1][1] == {"repo": "registry:5000/a/b", "tag": "1"}
    with pytest.raises(DockerError):
        docker.tag("absent:1", "absent", "1")


def test_the_sdk_is_not_loaded() -> None:
    program = (
        "import sys\n"
        "from mediastack import docker_socket\n"
        "docker = docker_socket.DockerSocket('/nowhere')\n"
        "try: docker.ping()\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(sorted({'docker', 'requests', 'urllib3'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(FILES)},
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["NotReachable", "[]"]
