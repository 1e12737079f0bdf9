"""A house for tests of the updater: state, config, a Docker on paper, and what a pass meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediastack import image_lock
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_images import NoSuchImage
from mediastack.updater import (
    inflight,
    preconditions,
    rollback_verb,
    tags,
    transaction,
    update_verb,
    worker,
    wud,
)

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


class Stage:
    """The world of a pass: what WUD and the registry say, and which transactions were driven."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.docker = Images()
        self.docker.registry = {
            f"{SEERR}:v1.0.0": ONE,
            f"{SEERR}:v1.0.1": TWO,
            f"{SEERR}:v2.0.0": THREE,
        }
        self.wud: dict[str, set[str]] | None = {}
        self.listed: list[str] = []
        self.driven: list[tuple[str, str, str]] = []
        self.end = "done"
        self.refusal = ""

    def once(self) -> int:
        engine: Any = self.docker
        return worker.once(lambda: self.config, engine)

    def drive(self, tx: transaction.Transaction, *_: Any, **tools: Any) -> transaction.Transaction:
        assert inflight.read() is not None, "begun before it was written down"
        with tools["lock"]():
            pass
        for step in ("copy", self.end):
            tx = {**tx, "step": step}
            tools["write"](tx)
        self.driven.append((tx["service"], tx["new"]["image"].rpartition(":")[2], tx["asked_by"]))
        return tx


def a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """In place of What's Up Docker, the registry, Docker and the host's configuration."""
    made = Stage(furnish(tmp_path, monkeypatch))
    locked()
    monkeypatch.setattr(wud, "tags", lambda *_: made.wud)
    monkeypatch.setattr(tags, "of", lambda *_: made.listed)
    monkeypatch.setattr(worker.run, "drive", made.drive)
    monkeypatch.setattr(preconditions, "refusal", lambda *_, **__: made.refusal)
    monkeypatch.setattr(worker.healing, "wake", lambda *_: False)
    monkeypatch.setattr(worker.observe, "observe", lambda *_: {})
    monkeypatch.setattr(worker, "start_unit", lambda: None)
    for verb in (update_verb, rollback_verb):
        monkeypatch.setattr(verb, "DockerImages", lambda: made.docker)
        monkeypatch.setattr(verb.configuration, "load", lambda *_: made.config)
        monkeypatch.setattr(verb.signal, "signal", lambda *_: None)
    return made


AWAY = NotReachable("Docker is away")
