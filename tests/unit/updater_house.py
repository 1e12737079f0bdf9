"""A house for tests of the updater: its state below tmp_path, a Docker on paper, a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediastack import image_lock
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_images import NoSuchImage
from mediastack.updater import transaction

ONE, TWO, THREE = ("sha256:" + digit * 64 for digit in "123")
SEERR = "ghcr.io/x/seerr"
OLD = {"image": f"{SEERR}:v1.0.0", "digest": ONE}
NEW = {"image": f"{SEERR}:v1.0.1", "digest": TWO}


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """State, runtime and config below tmp_path; return the configuration."""
    paths = {name: str(tmp_path / name) for name in ("state", "runtime", "config", "program")}
    for path in paths.values():
        Path(path).mkdir()
    paths["sentinel"] = str(tmp_path / "sentinel")
    file = tmp_path / "mediastack.toml"
    lines = "\n".join(f'{name} = "{path}"' for name, path in paths.items())
    file.write_text(f"schema = 1\n[paths]\n{lines}\n")
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    return {
        "paths": paths,
        "updates": {"stable_seconds": 5, "keep_days": 7},
        "limits": {"lock_wait_seconds": 0},
        "stacks": {"media": {"services": ["seerr"]}},
        "services": {
            "seerr": {
                "stack": "media",
                "zone": "bridge",
                "owner": False,
                "image": f"{SEERR}:v1.0.0",
                "update_tags": r"v\d+\.\d+\.\d+",
                "config_hash": "hash",
                "config": f"{paths['config']}/seerr",
                "state_exclude": ["cache", "logs.db"],
                "health": True,
                "data": False,
            }
        },
    }


def a_transaction(**changes: Any) -> transaction.Transaction:
    """From v1.0.0 to v1.0.1."""
    made = transaction.begin(
        "seerr", OLD, NEW, identity="id1", at="2026-01-01T00:00:00+00:00", asked_by="test", ran=[]
    )
    return {**made, **changes}


def locked() -> None:
    """What runs is in the image lock."""
    image_lock.record("seerr", OLD["image"], OLD["digest"])


class Images:
    """Docker's images on paper, and a registry: {"repo:tag": digest}."""

    def __init__(self) -> None:
        self.here: dict[str, dict[str, Any]] = {}
        self.registry: dict[str, str | Exception] = {}
        self.named: list[str] = []
        self.pulled: list[str] = []
        self.asked: list[str] = []
        self.gone: list[str] = []
        self.trouble: Exception | None = None
        self.platform_here = ("linux", "amd64")

    def has(self, image: dict[str, str], architecture: str = "amd64") -> None:
        reference = f"{image['image']}@{image['digest']}"
        self.here[reference] = {"Os": "linux", "Architecture": architecture}

    def platform(self) -> tuple[str, str]:
        return self.platform_here

    def distribution(self, image: str) -> dict[str, Any]:
        self.asked.append(image)
        found = self.registry.get(image, NoSuchImage(f"{image}: manifest unknown"))
        if isinstance(found, Exception):
            raise found
        return {"Descriptor": {"digest": found}}

    def images(self, references: Any) -> dict[str, Any]:
        return {one: self.here.get(one) for one in references}

    def image_digest(self, reference: str) -> str:
        return reference.partition("@")[2] if reference in self.here else ""

    def pull(self, repository: str, digest: str) -> None:
        self.pulled.append(f"{repository}@{digest}")
        if self.trouble is not None:
            raise self.trouble
        self.has(NEW)

    def tag(self, image: str, repository: str, tag: str) -> None:
        if image not in self.here:
            raise DockerError("no such image")
        self.named.append(f"{repository}:{tag}")

    def tags(self, prefix: str) -> dict[str, Any]:
        return {
            one: {"RepoDigests": [f"{SEERR}@{digest}" for digest in (ONE, TWO, THREE)]}
            for one in self.named
            if one.startswith(f"{prefix}/")
        }

    def forget_image(self, reference: str) -> None:
        self.gone.append(reference)


AWAY = NotReachable("Docker is away")
