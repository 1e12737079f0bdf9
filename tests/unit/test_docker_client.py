"""docker_client.Docker with a made-up SDK client: what is unknown, absent, refused."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from docker.errors import APIError, NotFound

from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.image_names import has_its_tag


def api_error(status: int) -> APIError:
    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation="words of Docker")


class FakeClient:
    def __init__(self) -> None:
        self.called: list[Any] = []
        self.listed: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.repo_digests: list[str] = []

    def containers(self, **options: Any) -> list[dict[str, Any]]:
        self.called.append(options)
        return self.listed

    def inspect_container(self, name: str) -> dict[str, Any]:
        if name == "gone":
            raise NotFound("no such container")
        return {"Id": name}

    def inspect_image(self, reference: str) -> dict[str, Any]:
        if "absent" in reference:
            raise NotFound("no such image")
        return {"RepoDigests": self.repo_digests}

    def tag(self, image: str, repository: str, tag: str, force: bool) -> None:
        self.called.append((image, repository, tag, force))

    def start(self, name: str) -> None:
        if self.error:
            raise self.error

    def stop(self, name: str, timeout: int) -> None:
        self.called.append((name, timeout))
        if self.error:
            raise self.error

    def pause(self, name: str) -> None:
        self.called.append(("pause", name))
        if self.error:
            raise self.error

    def unpause(self, name: str) -> None:
        self.called.append(("unpause", name))

    def ping(self) -> None:
        if self.error:
            raise self.error

    def logs(self, name: str, **options: Any) -> bytes:
        self.called.append((name, options))
        if name == "gone":
            raise NotFound("no such container")
        return b"2026-11-24T12:00:00.000000001Z caf\xe9\n"

    def events(self, **options: Any) -> list[dict[str, Any]]:
        self.called.append(options)
        return [{"Action": "stop"}]


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def docker(client: FakeClient) -> Docker:
    return Docker(connect=lambda: client)


def test_containers_that_vanish_or_are_one_off_are_left_out(
    docker: Docker, client: FakeClient
) -> None:
    one_off = {"Id": "run", "Labels": {"com.docker.compose.oneoff": "True"}}
    client.listed = [{"Id": "a", "Labels": None}, {"Id": "gone"}, one_off]
    assert docker.containers() == [{"Id": "a"}]
    assert client.called == [{"all": True, "filters": {"label": "io.mediastack.service"}}]


def test_containers_of_the_services_that_were_named(docker: Docker, client: FakeClient) -> None:
    label = "io.mediastack.service"
    client.listed = [
        {"Id": "a", "Labels": {label: "sonarr"}},
        {"Id": "b", "Labels": {label: "plex"}},
    ]
    assert docker.containers(services=["sonarr"]) == [{"Id": "a"}]


def test_no_socket_is_not_reachable_and_the_message_names_it() -> None:
    with pytest.raises(NotReachable, match="/nowhere/docker.sock"):
        Docker("unix:///nowhere/docker.sock").ping()


@pytest.mark.parametrize(
    "error",
    [requests.exceptions.ReadTimeout("late"), ConnectionResetError("reset"), api_error(500)],
)
def test_what_leaves_us_in_the_dark_is_not_reachable(
    docker: Docker, client: FakeClient, error: Exception
) -> None:
    client.error = error
    with pytest.raises(NotReachable):
        docker.ping()


def test_a_refusal_is_dockers_own_words(docker: Docker, client: FakeClient) -> None:
    client.error = api_error(409)
    with pytest.raises(DockerError, match="words of Docker"):
        docker.start("sonarr")
    client.error = api_error(500)
    with pytest.raises(DockerError, match="words of Docker"):
        docker.start("sonarr")


def test_after_an_outage_a_new_connection_is_made() -> None:
    clients = [FakeClient(), FakeClient()]
    clients[0].error = ConnectionResetError("reset")
    docker = Docker(connect=lambda: clients.pop(0))
    with pytest.raises(NotReachable):
        docker.ping()
    docker.ping()
    assert clients == []


def test_stopping_what_is_gone_is_fine_and_the_grace_is_passed_on(
    docker: Docker, client: FakeClient
) -> None:
    client.error = NotFound("no such container")
    docker.stop("sonarr", 42)
    assert client.called == [("sonarr", 42)]


def test_pausing_and_resuming_reach_docker_and_its_refusal_is_told(
    docker: Docker, client: FakeClient
) -> None:
    docker.pause("autoheal")
    docker.resume("autoheal")
    assert client.called == [("pause", "autoheal"), ("unpause", "autoheal")]
    client.error = api_error(409)
    with pytest.raises(DockerError, match="words of Docker"):
        docker.pause("autoheal")


def test_events_are_asked_for_with_fractions_of_a_second(
    docker: Docker, client: FakeClient
) -> None:
    assert docker.events(1.25, 2.5) == [{"Action": "stop"}]
    assert client.called[0]["since"] == "1.250000000"
    assert client.called[0]["until"] == "2.500000000"


@pytest.mark.parametrize(
    ("reference", "pulled", "digest"),
    [
        ("registry:5000/a/b:1", "registry:5000/a/b@sha256:1", "sha256:1"),
        ("registry:5000/a/b", "registry:5000/a/b@sha256:1", "sha256:1"),
        ("docker.io/a/b:1", "a/b@sha256:1", "sha256:1"),
        ("docker.io/library/b:1", "b@sha256:1", "sha256:1"),
        ("registry/a/b:1", "elsewhere/a/b@sha256:1", ""),
        ("absent:1", "absent@sha256:1", ""),
    ],
)
def test_the_digest_is_that_of_exactly_this_repository(
    docker: Docker, client: FakeClient, reference: str, pulled: str, digest: str
) -> None:
    client.repo_digests = ["other@sha256:0", pulled]
    assert docker.image_digest(reference) == digest


def test_an_image_gets_one_more_name(docker: Docker, client: FakeClient) -> None:
    docker.tag("registry/a:1@sha256:1", "registry/a", "1")
    assert client.called == [("registry/a:1@sha256:1", "registry/a", "1", True)]


@pytest.mark.parametrize(
    ("reference", "names", "has"),
    [
        ("registry:5000/a/b:1@sha256:1", ["registry:5000/a/b:1"], True),
        ("docker.io/a/b:1@sha256:1", ["other/b:1", "a/b:1"], True),
        ("registry:5000/a/b:1@sha256:1", ["registry:5000/a/b:2", "kept/a:1"], False),
        ("registry:5000/a/b:1@sha256:1", [], False),
        ("registry:5000/a/b:1@sha256:1", None, False),
    ],
)
def test_an_image_is_known_by_its_own_tag_or_not(reference: str, names: Any, has: bool) -> None:
    assert has_its_tag(reference, {"RepoTags": names}) is has


def test_logs_come_with_dockers_times_and_a_container_that_is_gone_has_none(
    docker: Docker, client: FakeClient
) -> None:
    assert (
        docker.logs("autoheal", 1234.9)
        == "2026-11-24T12:00:00.000000001Z caf\N{REPLACEMENT CHARACTER}\n"
    )
    # From the start of the second: Docker takes no fraction from the SDK.
    assert client.called == [("autoheal", {"timestamps": True, "since": 1234})]
    assert docker.logs("gone", 0.0) == ""


class RunClient(FakeClient):
    """An SDK client in which one container runs for a few looks and then ends."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, image: str, command: list[str], **options: Any) -> dict[str, str]:
        self.called.append((image, command, options))
        return {"Id": "trial"}

    def inspect_container(self, name: str) -> dict[str, Any]:
        self.looks -= 1
        status = "exited" if self.looks < 0 else "running"
        return {"State": {"Status": status, "ExitCode": 3}}

    def remove_container(self, name: str, **options: Any) -> None:
        self.called.append(("remove", name))


RUN: dict[str, Any] = {
    "environment": {"A": "1"},
    "mounts": [("/here", "/there", True)],
    "labels": {"whose": "ours"},
}


def test_a_run_has_no_network_and_no_powers_and_leaves_nothing() -> None:
    client = RunClient(2)
    code, printed = Docker(connect=lambda: client).run("image", ("verb",), timeout_seconds=9, **RUN)
    assert (code, printed[-5:]) == (3, "caf\ufffd\n")
    image, command, options = client.called[0]
    assert (image, command) == ("image", ["verb"])
    assert options["labels"] == {"whose": "ours"}
    host = options["host_config"]
    assert (host["network_mode"], host["cap_drop"]) == ("none", ["ALL"])
    assert host["mounts"][0]["ReadOnly"] is True
    assert client.called[-1] == ("remove", "trial")


def test_a_run_that_is_late_is_an_error_and_leaves_nothing() -> None:
    client = RunClient(10**9)
    with pytest.raises(DockerError, match="no end after 0 s"):
        Docker(connect=lambda: client).run("image", ("verb",), timeout_seconds=0, **RUN)
    assert client.called[-1] == ("remove", "trial")
