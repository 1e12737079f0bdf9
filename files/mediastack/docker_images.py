"""What the updater asks of Docker beyond containers: the registry through the engine, and images.

The engine talks to the registries, so what is asked and what is pulled come by the same way, with
its mirrors, proxies and certificates; logins are those of the Docker command line. What a registry
did not answer, or Docker did not, is NotReachable; what it refused is DockerError with its words,
and NoSuchImage when it knows no such tag. A pull in which nothing moves for minutes is given up;
the engine then drops it as well. Facts: Docker Engine API 1.41-1.52, "distribution",
"images/create".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from mediastack.docker_client import TIMEOUT_SECONDS, Docker, DockerError, NotReachable

# The engine repeats what fails by itself, with pauses of some seconds.
ASK_SECONDS = 30
STALL_SECONDS = 120
# What a registry says of a tag or digest that it does not have.
UNKNOWN = ("manifest unknown", "not found", "no such image", "name unknown", "does not exist")


class NoSuchImage(DockerError):
    """The registry has no such tag or digest."""


class DockerImages(Docker):
    """One engine, one connection per thread; a docker_engine.ImageEngine."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        connect: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(base_url, timeout_seconds=timeout_seconds, connect=connect)
        self._given = connect

    def platform(self) -> tuple[str, str]:
        """Return (operating system, architecture) as images name them. Raise NotReachable."""
        with self._client() as client:
            version = client.version()
            return str(version["Os"]), str(version["Arch"])

    def distribution(self, image: str) -> dict[str, Any]:
        """Return what the registry has under "repository:tag": {"Descriptor": {"digest", …},
        "Platforms": [{"os", "architecture"}]}. Raise NotReachable, NoSuchImage, DockerError."""
        with self._slow(ASK_SECONDS) as client, _absent_is_told(image):
            found: dict[str, Any] = client.inspect_distribution(image)
            return found

    def pull(self, repository: str, digest: str) -> None:
        """Have the image of this digest whole. Raise NotReachable, NoSuchImage, DockerError."""
        with self._slow(STALL_SECONDS) as client, _absent_is_told(f"{repository}@{digest}"):
            for line in client.pull(repository, tag=digest, stream=True, decode=True):
                if error := line.get("error"):
                    raise DockerError(str(error))

    def tags(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return {"repository:tag": image as listed} of the names that begin with "prefix/"."""
        with self._client() as client:
            listed = client.images(filters={"reference": f"{prefix}/*"})
        return {
            name: image
            for image in listed
            for name in image.get("RepoTags") or []
            if name.startswith(f"{prefix}/")
        }

    def forget_image(self, reference: str) -> None:
        """Take this name from an image, and with the last one the image; fine when it is gone.

        Raise DockerError when a container still uses it.
        """
        with (
            contextlib.suppress(NoSuchImage),
            self._client(reading=False) as client,
            _absent_is_told(reference),
        ):
            client.remove_image(reference)

    def start_never(self, name: str) -> None:
        """Docker itself starts this container no more. Raise DockerError when it is gone."""
        with self._client(reading=False) as client:
            client.update_container(name, restart_policy={"Name": "no"})

    @contextlib.contextmanager
    def _slow(self, seconds: int) -> Iterator[Any]:
        """A connection of its own for what waits for a registry: the other stays usable."""
        slow = Docker(self._base_url, timeout_seconds=seconds, connect=self._given)
        with slow._client() as client:
            yield client


@contextlib.contextmanager
def _absent_is_told(image: str) -> Iterator[None]:
    from docker.errors import APIError

    try:
        yield
    except APIError as error:
        words = str(error.explanation or error)
        if error.status_code == 404 or any(one in words.lower() for one in UNKNOWN):  # noqa: PLR2004
            raise NoSuchImage(f"{image}: {words}") from error
        if error.is_server_error():
            raise NotReachable(f"registry of {image}: {words}") from error
        raise DockerError(f"{image}: {words}") from error
    except DockerError as error:
        if any(one in str(error).lower() for one in UNKNOWN):
            raise NoSuchImage(f"{image}: {error}") from error
        raise
