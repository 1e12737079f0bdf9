"""The only door to Docker: its SDK's low-level API over the unix socket.

The SDK is imported when the first call is made, because importing it costs ten times what a verb
that needs no Docker costs. Each thread has a connection of its own (the SDK's session is not meant
to be shared). Whatever says "Docker did not answer" becomes NotReachable: for the callers that is
"unknown", never "gone". What Docker did answer with an error becomes DockerError with its words.
Facts: Docker Engine API 1.41-1.52; events carry only Type, Action, Actor since 1.52.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mediastack import docker_engine, image_names
from mediastack.docker_engine import Engine

SOCKET = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 10
RUN_POLL_SECONDS = 0.1
LABEL = docker_engine.LABEL
ONE_OFF_LABEL = "com.docker.compose.oneoff"


class NotReachable(Exception):
    """Docker did not answer; nothing is known about the containers."""


class DockerError(Exception):
    """Docker answered with an error; the message is Docker's."""


class Docker:
    """Connections to one engine, one per thread."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        connect: Callable[[], Any] | None = None,
    ) -> None:
        # DOCKER_HOST as the docker command takes it, so that both talk to one engine.
        self._base_url = base_url or os.environ.get("DOCKER_HOST") or SOCKET
        self._timeout_seconds = timeout_seconds
        self._connect = connect or self._connect_sdk
        self._local = threading.local()

    def ping(self) -> None:
        """Return when Docker answers. Raise NotReachable."""
        with self._client() as client:
            client.ping()

    def containers(
        self, label: str = LABEL, services: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the inspect results of all containers with this label, running or not; with
        `services` only of those whose label says one of these.

        A container that goes away meanwhile is left out. `docker compose run` ones are, too.
        """
        with self._client() as client:
            listed = client.containers(all=True, filters={"label": label})
        return [
            inspected
            for container in listed
            if (labels := container.get("Labels") or {}).get(ONE_OFF_LABEL) != "True"
            and (services is None or labels.get(label) in services)
            and (inspected := self.inspect(container["Id"])) is not None
        ]

    def running(self, label: str = LABEL) -> list[dict[str, Any]]:
        """Return what Docker lists of the running containers with this label.

        Unlike an inspect it does not wait for a container whose start hangs on a dead mount.
        """
        with self._client() as client:
            listed: list[dict[str, Any]] = client.containers(filters={"label": label})
            return listed

    def inspect(self, name: str) -> dict[str, Any] | None:
        """Return one container's inspect result, None when there is no such container."""
        with self._client() as client, _absent_is_none():
            result: dict[str, Any] = client.inspect_container(name)
            return result
        return None

    def logs(self, name: str, since: float) -> str:
        """Return what a container printed since then (seconds since the epoch; its whole second
        too), each line after Docker's time; "" when there is no such container."""
        with self._client() as client, _absent_is_none():
            printed: bytes = client.logs(name, timestamps=True, since=max(1, int(since)))
            return printed.decode(errors="replace")
        return ""

    def networks(self) -> list[dict[str, Any]]:
        """Return all networks as Docker lists them (Name, Id, Driver, IPAM, Labels …)."""
        with self._client() as client:
            listed: list[dict[str, Any]] = client.networks()
            return listed

    def images(self, references: Iterable[str]) -> dict[str, dict[str, Any] | None]:
        """Return {reference: inspect result, or None when the image is not on this host}."""
        found: dict[str, dict[str, Any] | None] = {}
        for reference in references:
            found[reference] = None
            with self._client() as client, _absent_is_none():
                found[reference] = client.inspect_image(reference)
        return found

    def image_digest(self, reference: str) -> str:
        """Return "sha256:…" under which this host pulled exactly this repository, "" if it did
        not (an image built or imported here has none)."""
        return image_names.digest_of(reference, self.images([reference])[reference])

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name. Raise DockerError when it is not here."""
        with self._client(reading=False) as client:
            client.tag(image, repository, tag, force=True)

    def start(self, name: str) -> None:
        """Start an existing container; fine when it runs already. Raise DockerError."""
        with self._client(reading=False) as client:
            client.start(name)

    def stop(self, name: str, grace_seconds: int) -> None:
        """Stop a container: SIGTERM, after the grace SIGKILL. Fine when stopped or gone."""
        with self._client(reading=False) as client, _absent_is_none():
            # The answer comes when it has stopped, so the SDK adds the grace to its time-out.
            client.stop(name, timeout=grace_seconds)

    def restart(self, name: str, grace_seconds: int) -> None:
        """Restart a container. Raise DockerError when it is gone or cannot start."""
        with self._client(reading=False) as client:
            client.restart(name, timeout=grace_seconds)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name. Raise DockerError when it is gone or the name taken."""
        with self._client(reading=False) as client:
            client.rename(name, new)

    def pause(self, name: str) -> None:
        """Freeze a running container's processes. Raise DockerError when it does not run."""
        with self._client(reading=False) as client:
            client.pause(name)

    def resume(self, name: str) -> None:
        """Let a paused container go on. Raise DockerError when it is not paused."""
        with self._client(reading=False) as client:
            client.unpause(name)

    def remove(self, name: str, grace_seconds: int = 10) -> None:
        """Stop and remove a container (its anonymous volumes too); fine when it is gone."""
        self.stop(name, grace_seconds)
        with self._client(reading=False) as client, _absent_is_none():
            client.remove_container(name, v=True, force=True)

    def run(
        self,
        image: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        mounts: Iterable[tuple[str, str, bool]],
        labels: Mapping[str, str],
        timeout_seconds: float,
    ) -> tuple[int, str]:
        """Run a container without network or powers to its end; return its exit code and all it
        printed. `mounts`: (source, target, read only). It is removed whatever happens, but when we
        are killed: then its labels tell whose it is. Raise DockerError, also when it is late."""
        from docker.types import LogConfig, Mount

        with self._client(reading=False) as client:
            made = client.create_container(
                image,
                list(command),
                environment=dict(environment),
                labels=dict(labels),
                host_config=client.create_host_config(
                    network_mode="none",
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges:true"],
                    mounts=[
                        Mount(target, source, type="bind", read_only=read_only)
                        for source, target, read_only in mounts
                    ],
                    # Whatever the engine's own is: what it said is read afterwards.
                    log_config=LogConfig(type="json-file"),
                ),
            )
        try:
            self.start(made["Id"])
            code = await_end(self, made["Id"], timeout_seconds)
            return code, self._printed(made["Id"])
        finally:
            with contextlib.suppress(NotReachable, DockerError):
                self.remove(made["Id"], 0)

    def events(
        self, since: float, until: float, filters: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return what the engine remembers (its last 256 events since it started) between two
        moments, seconds since the epoch, oldest first."""
        with self._client() as client:
            # As text with fractions: the SDK would cut a datetime to whole seconds, and the
            # events of the current second would be missing.
            stream = client.events(
                since=f"{since:.9f}", until=f"{until:.9f}", filters=filters or {}, decode=True
            )
            return list(stream)

    def _printed(self, name: str) -> str:
        with self._client() as client:
            printed: bytes = client.logs(name)
            return printed.decode(errors="replace")

    def _connect_sdk(self) -> Any:
        from docker.api.client import APIClient

        return APIClient(
            base_url=self._base_url, version="auto", timeout=int(self._timeout_seconds)
        )

    @contextlib.contextmanager
    def _client(self, *, reading: bool = True) -> Iterator[Any]:
        """Give this thread's connection; translate what goes wrong."""
        from docker.errors import APIError, DockerException, NotFound
        from requests.exceptions import RequestException
        from urllib3.exceptions import HTTPError

        try:
            client = getattr(self._local, "client", None)
            if client is None:
                client = self._local.client = self._connect()
            yield client
        except NotFound as error:
            raise _NoSuchObject(str(error.explanation or error)) from error
        except APIError as error:
            if reading and error.is_server_error():
                # A dockerd that is going down answers questions with 500: still "unknown".
                raise NotReachable(f"Docker: {error.explanation or error}") from error
            raise DockerError(str(error.explanation or error)) from error
        except (DockerException, RequestException, HTTPError, OSError) as error:
            # The next call starts with a fresh connection.
            self._local.client = None
            raise NotReachable(f"Docker at {self._base_url} does not answer: {error}") from error


class _NoSuchObject(DockerError):
    """404; a DockerError for those who did not expect it."""


@contextlib.contextmanager
def _absent_is_none() -> Iterator[None]:
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        yield


def await_end(docker: Engine, name: str, timeout_seconds: float) -> int:
    """Return a container's exit code when it has ended. Raise DockerError when it is late or gone,
    NotReachable."""
    deadline = time.monotonic() + timeout_seconds
    while (found := docker.inspect(name)) is not None:
        if found["State"]["Status"] in ("exited", "dead"):
            return int(found["State"]["ExitCode"])
        if time.monotonic() > deadline:
            raise DockerError(f"no end after {timeout_seconds:g} s")
        time.sleep(RUN_POLL_SECONDS)
    raise DockerError("somebody removed the container")
