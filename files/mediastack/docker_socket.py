"""Docker without its SDK: the same calls as docker_client.Docker, by HTTP over the unix socket.

For programs that are always there: the SDK with all it imports keeps 30 MB resident, this 17 (a
bare interpreter with http.client), and what runs as root with Docker's socket should be little to
read. What goes wrong is told in docker_client's two words: NotReachable when nothing is known,
DockerError when Docker refused (docker_http). Facts: Docker Engine API 1.41-1.52.
"""

from __future__ import annotations

import contextlib
import json
import os
import urllib.parse
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mediastack import docker_client, image_names
from mediastack.docker_client import LABEL, ONE_OFF_LABEL, DockerError, NotReachable
from mediastack.docker_http import Absent, EventStream, Wire, bare, translated

PATH = "/var/run/docker.sock"
TIMEOUT_SECONDS = 10.0
FRAME_BYTES = 8


class DockerSocket:
    """Connections to one engine, one per thread; a docker_engine.Engine."""

    def __init__(
        self, path: str | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._path = path or _path_of(os.environ.get("DOCKER_HOST", "")) or PATH
        self._timeout_seconds = timeout_seconds
        self._wire = Wire(self._path, timeout_seconds)

    def ping(self) -> None:
        """Return when Docker answers. Raise NotReachable."""
        self._wire.ask("GET", "/_ping")

    def containers(
        self, label: str = LABEL, services: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the inspect results of all containers with this label, running or not; with
        `services` only of those whose label says one of these."""
        query = {"all": "1", "filters": _filters({"label": label})}
        listed: list[dict[str, Any]] = self._wire.json("GET", "/containers/json", query)
        return [
            inspected
            for container in listed
            if (labels := container.get("Labels") or {}).get(ONE_OFF_LABEL) != "True"
            and (services is None or labels.get(label) in services)
            and (inspected := self.inspect(container["Id"])) is not None
        ]

    def inspect(self, name: str) -> dict[str, Any] | None:
        """Return one container's inspect result, None when there is no such container."""
        with contextlib.suppress(Absent):
            found: dict[str, Any] = self._wire.json("GET", f"/containers/{_quoted(name)}/json")
            return found
        return None

    def networks(self) -> list[dict[str, Any]]:
        """Return all networks as Docker lists them."""
        listed: list[dict[str, Any]] = self._wire.json("GET", "/networks")
        return listed

    def images(self, references: Iterable[str]) -> dict[str, dict[str, Any] | None]:
        """Return {reference: inspect result, or None when the image is not on this host}."""
        found: dict[str, dict[str, Any] | None] = {}
        for reference in references:
            found[reference] = None
            with contextlib.suppress(Absent):
                path = f"/images/{urllib.parse.quote(reference, safe='/:@')}/json"
                found[reference] = self._wire.json("GET", path)
        return found

    def image_digest(self, reference: str) -> str:
        """Return "sha256:…" under which this host pulled exactly this repository, or ""."""
        return image_names.digest_of(reference, self.images([reference])[reference])

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name. Raise DockerError when it is not here."""
        path = f"/images/{urllib.parse.quote(image, safe='/:@')}/tag"
        self._wire.ask("POST", path, {"repo": repository, "tag": tag}, reading=False)

    def start(self, name: str) -> None:
        """Start an existing container; fine when it runs already. Raise DockerError."""
        self._wire.ask("POST", f"/containers/{_quoted(name)}/start", reading=False)

    def stop(self, name: str, grace_seconds: int) -> None:
        """Stop a container: SIGTERM, after the grace SIGKILL. Fine when stopped or gone."""
        with contextlib.suppress(Absent):
            self._end(name, "stop", grace_seconds)

    def restart(self, name: str, grace_seconds: int) -> None:
        """Restart a container. Raise DockerError when it is gone or cannot start."""
        self._end(name, "restart", grace_seconds)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name. Raise DockerError when it is gone or the name taken."""
        path = f"/containers/{_quoted(name)}/rename"
        self._wire.ask("POST", path, {"name": new}, reading=False)

    def pause(self, name: str) -> None:
        """Freeze a running container's processes. Raise DockerError when it does not run."""
        self._wire.ask("POST", f"/containers/{_quoted(name)}/pause", reading=False)

    def resume(self, name: str) -> None:
        """Let a paused container go on. Raise DockerError when it is not paused."""
        self._wire.ask("POST", f"/containers/{_quoted(name)}/unpause", reading=False)

    def remove(self, name: str, grace_seconds: int = 10) -> None:
        """Stop and remove a container (its anonymous volumes too); fine when it is gone."""
        self.stop(name, grace_seconds)
        with contextlib.suppress(Absent):
            query = {"v": "1", "force": "1"}
            self._wire.ask("DELETE", f"/containers/{_quoted(name)}", query, reading=False)

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
        """Run a container without network or powers to its end, as docker_client.Docker.run."""
        wanted = {
            "Image": image,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Labels": dict(labels),
            "HostConfig": {
                "NetworkMode": "none",
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges:true"],
                "Mounts": [
                    {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
                    for source, target, read_only in mounts
                ],
                "LogConfig": {"Type": "json-file"},
            },
        }
        made = self._wire.json("POST", "/containers/create", body=wanted, reading=False)["Id"]
        try:
            self.start(made)
            code = docker_client.await_end(self, made, timeout_seconds)
            query = {"stdout": "1", "stderr": "1"}
            return code, _unframed(self._wire.ask("GET", f"/containers/{made}/logs", query))
        finally:
            with contextlib.suppress(NotReachable, DockerError):
                self.remove(made, 0)

    def execute(self, name: str, command: Sequence[str], timeout_seconds: float) -> tuple[int, str]:
        """Run a command inside a running container; return its exit code and what it printed.

        Raise NotReachable (also when it is late), DockerError.
        """
        wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        path = f"/containers/{_quoted(name)}/exec"
        made = self._wire.json("POST", path, body=wanted, reading=False)["Id"]
        printed = self._wire.ask(
            "POST",
            f"/exec/{made}/start",
            body={"Detach": False, "Tty": False},
            timeout_seconds=timeout_seconds,
            reading=False,
        )
        return int(self._wire.json("GET", f"/exec/{made}/json")["ExitCode"] or 0), _unframed(
            printed
        )

    def events(
        self, since: float, until: float, filters: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return what the engine remembers between two moments, oldest first."""
        query = {"since": f"{since:.9f}", "until": f"{until:.9f}", "filters": _filters(filters)}
        with translated(self._path):
            lines = self._wire.ask("GET", "/events", query).split(b"\n")
            return [json.loads(line) for line in map(bare, lines) if line]

    def stream(self, since: str, filters: dict[str, Any] | None = None) -> EventStream:
        """Return what happens from `since` (seconds since the epoch, as text: a float is too
        coarse) on. Raise NotReachable."""
        return self._wire.stream(since, _filters(filters))

    def _end(self, name: str, verb: str, grace_seconds: int) -> None:
        # The answer comes when it has stopped.
        self._wire.ask(
            "POST",
            f"/containers/{_quoted(name)}/{verb}",
            {"t": str(grace_seconds)},
            timeout_seconds=self._timeout_seconds + grace_seconds,
            reading=False,
        )


def _filters(filters: Mapping[str, Any] | None) -> str:
    """Docker's form: each value a list of texts."""
    return json.dumps(
        {
            name: [str(one) for one in (value if isinstance(value, (list, tuple)) else [value])]
            for name, value in (filters or {}).items()
        }
    )


def _unframed(data: bytes) -> str:
    """The text of a stream without a terminal: frames of 8 bytes (kind, length) and content."""
    text = b""
    while len(data) >= FRAME_BYTES:
        length = int.from_bytes(data[4:FRAME_BYTES], "big")
        text += data[FRAME_BYTES : FRAME_BYTES + length]
        data = data[FRAME_BYTES + length :]
    return text.decode(errors="replace")


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _path_of(host: str) -> str:
    return host.removeprefix("unix://") if host.startswith("unix://") else ""
