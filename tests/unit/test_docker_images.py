"""docker_images: a registry's answers through the engine, told apart."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from docker.errors import APIError

from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_images import DockerImages, NoSuchImage


def refused(status: int, words: str) -> APIError:
    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation=words)


class Client:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.lines: list[dict[str, str]] = []
        self.called: list[Any] = []

    def fail(self) -> None:
        if self.error:
            raise self.error

    def version(self) -> dict[str, str]:
        return {"Os": "linux", "Arch": "arm64"}

    def inspect_distribution(self, image: str) -> dict[str, Any]:
        self.fail()
        return {"Descriptor": {"digest": "d"}}

    def pull(self, repository: str, **options: Any) -> list[dict[str, str]]:
        self.called.append((repository, options["tag"]))
        self.fail()
        return self.lines

    def tag(self, image: str, repository: str, tag: str, **_: Any) -> None:
        self.called.append((image, repository, tag))

    def images(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        self.called.append(filters)
        return [{"RepoTags": ["keep/a:1", "other/x:1"]}, {"RepoTags": None}]

    def remove_image(self, reference: str) -> None:
        self.fail()

    def update_container(self, name: str, restart_policy: dict[str, str]) -> None:
        self.called.append((name, restart_policy))


@pytest.fixture
def client() -> Client:
    return Client()


def docker(client: Client) -> DockerImages:
    return DockerImages(connect=lambda: client)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused(404, "manifest unknown"), NoSuchImage),
        (refused(500, "manifest unknown: manifest unknown"), NoSuchImage),
        (refused(500, "unexpected status 503"), NotReachable),
        (refused(403, "denied"), DockerError),
        (requests.exceptions.ReadTimeout("slow"), NotReachable),
    ],
)
def test_what_a_registry_did_not_give_is_told_apart(
    client: Client, error: Exception, kind: type[Exception]
) -> None:
    client.error = error
    for asked in (
        lambda: docker(client).distribution("x:1"),
        lambda: docker(client).pull("x", "sha256:1"),
    ):
        with pytest.raises(kind) as raised:
            asked()
        assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("words", "kind"),
    [("manifest for x not found", NoSuchImage), ("unexpected EOF", DockerError)],
)
def test_an_error_within_a_pull_ends_it(client: Client, words: str, kind: type[Exception]) -> None:
    client.lines = [{"status": "Pulling"}, {"error": words}]
    with pytest.raises(kind):
        docker(client).pull("x", "sha256:1")


def test_the_engine_is_asked_in_its_words(client: Client) -> None:
    one = docker(client)
    assert one.platform() == ("linux", "arm64")
    assert one.distribution("x:1")["Descriptor"] == {"digest": "d"}
    one.pull("x", "sha256:1")
    one.tag("x@sha256:1", "keep/a", "1")
    assert list(one.tags("keep")) == ["keep/a:1"]
    one.start_never("id1")
    assert client.called == [
        ("x", "sha256:1"),
        ("x@sha256:1", "keep/a", "1"),
        {"reference": "keep/*"},
        ("id1", {"Name": "no"}),
    ]


def test_an_image_that_is_gone_is_forgotten_and_one_in_use_is_not(client: Client) -> None:
    client.error = refused(404, "No such image")
    docker(client).forget_image("x:1")
    client.error = refused(409, "conflict: container is using it")
    with pytest.raises(DockerError):
        docker(client).forget_image("x:1")
