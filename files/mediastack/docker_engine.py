"""What the house asks of Docker, as a type: by the SDK (docker_client) or a socket (docker_socket).

Both raise docker_client.NotReachable and DockerError, for the same reasons; what each call promises
stands there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

LABEL = "io.mediastack.service"


class Engine(Protocol):
    """One Docker engine."""

    def ping(self) -> None: ...

    def containers(
        self, label: str = LABEL, services: Collection[str] | None = None
    ) -> list[dict[str, Any]]: ...

    def inspect(self, name: str) -> dict[str, Any] | None: ...

    def networks(self) -> list[dict[str, Any]]: ...

    def images(self, references: Iterable[str]) -> dict[str, dict[str, Any] | None]: ...

    def image_digest(self, reference: str) -> str: ...

    def tag(self, image: str, repository: str, tag: str) -> None: ...

    def start(self, name: str) -> None: ...

    def stop(self, name: str, grace_seconds: int) -> None: ...

    def restart(self, name: str, grace_seconds: int) -> None: ...

    def rename(self, name: str, new: str) -> None: ...

    def pause(self, name: str) -> None: ...

    def resume(self, name: str) -> None: ...

    def remove(self, name: str, grace_seconds: int = 10) -> None: ...

    def run(
        self,
        image: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        mounts: Iterable[tuple[str, str, bool]],
        labels: Mapping[str, str],
        timeout_seconds: float,
    ) -> tuple[int, str]: ...

    def events(
        self, since: float, until: float, filters: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]: ...


class ImageEngine(Engine, Protocol):
    """One Docker engine, asked for images as well (docker_images)."""

    def platform(self) -> tuple[str, str]: ...

    def distribution(self, image: str) -> dict[str, Any]: ...

    def pull(self, repository: str, digest: str) -> None: ...

    def tags(self, prefix: str) -> dict[str, dict[str, Any]]: ...

    def forget_image(self, reference: str) -> None: ...

    def start_never(self, name: str) -> None: ...
