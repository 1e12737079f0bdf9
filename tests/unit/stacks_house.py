"""A house on a simulated Docker, for the tests of stacks and their verbs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from simulated_docker import BRIDGE, EVERYTHING, HOST, SimulatedDocker, a_config

from mediastack import (
    compose,
    healing,
    image_lock,
    intent,
    lock,
    observe,
    stack_verbs,
    stacks,
    vpn_trial,
    wait_healthy,
)
from mediastack.docker_client import DockerError

DIGEST = "sha256:" + "a" * 64


class House:
    """The simulated Docker behind the interfaces that stacks uses, and a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.config: dict[str, Any] = {
            **a_config(),
            "paths": {
                "program": f"{root}/program",
                "state": f"{root}/state",
                "runtime": f"{root}/run",
                "sentinel": f"{root}/data/.s",
            },
            "network": {"name": "homelab_media_network"},
            "limits": {"lock_wait_seconds": 1, "health_wait_seconds": 60},
        }
        self.docker = SimulatedDocker(self.config)
        self.now = 0.0
        self.composed: list[tuple[str, ...]] = []
        self.pulled: list[str] = []
        self.broken: dict[str, str] = {}
        self.local = set[str]()
        self.names = set[str]()
        self.network = True
        self.sick: set[str] = set()
        self.unstartable: set[str] = set()
        self.autoheal = "running"
        self.paused_for: list[str] = []
        self.trials: list[tuple[str, dict[str, str]]] = []
        self.trial_answer: tuple[int, str] | Exception = (0, "")
        for stack, entry in self.config["stacks"].items():
            directory = root / "program" / "stacks" / stack
            directory.mkdir(parents=True)
            hashes = [self.config["services"][name]["config_hash"] for name in entry["services"]]
            (directory / "compose.yaml").write_text("\n".join(hashes))
        for name in ("state", "run"):
            (root / name).mkdir()

    def watch(self, services: Sequence[str]) -> None:
        """Whatever is done to a container that Autoheal watches is done while it is paused."""
        watched = [name for name in services if name in (*HOST, *BRIDGE) and self.docker.get(name)]
        assert not watched or self.autoheal == "paused", watched

    # What observe and compose do.
    def observe(self, config: Any, docker: Any, proc: str = "", **_: Any) -> dict[str, Any]:
        self.docker.intents = dict(intent.stopped())
        locked = image_lock.read()
        self.docker.images = {
            name: image_lock.choose(locked.get(name), entry["image"])
            for name, entry in self.config["services"].items()
        }
        refused = vpn_trial.refused(self.config, self.docker.images)
        return {**self.docker.observation(), "refused": refused, "at": self.now}

    def run_compose(self, arguments: Sequence[str], timeout_seconds: float) -> None:
        words = list(arguments)
        project = words[words.index("--project-name") + 1]
        verb = next(word for word in words if word in ("up", "down", "rm", "pull"))
        rest = [word for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
        services = [word for word in rest if word in EVERYTHING]
        self.composed.append((project, verb, *services))
        for service in services:
            if service in self.broken:
                raise compose.ComposeError(self.broken[service])
        if verb == "pull":
            self.pulled += services
            self.local |= set(services)
            for service in services:
                image = self.config["services"][service]["image"]
                chosen = image_lock.choose(image_lock.read().get(service), image)
                # What is pulled by its digest gets no name.
                self.names |= set() if "@" in chosen else {chosen}
        stack = project.removeprefix("mediastack-")
        if verb in ("down", "rm"):
            self.watch(services or self.config["stacks"][stack]["services"])
            for name in services or self.config["stacks"][stack]["services"]:
                if container := self.docker.get(name):
                    self.docker.containers.remove(container)
        if verb == "up":
            self.watch(services)
            for service in services:
                exists = self.docker.get(service) is not None
                force = "--force-recreate" in words
                action = "recreate" if exists and force else "start" if exists else "create"
                self.docker.act({"action": action, "service": service})

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.docker.time_passes()
        for name in self.sick:
            if container := self.docker.get(name):
                container["health"] = "unhealthy"

    # What docker_client.Docker does.
    def start(self, name: str) -> None:
        if name in self.unstartable:
            raise DockerError("bind source path does not exist")
        self.docker.act({"action": "start", "service": name})

    def restart(self, name: str, grace: int) -> None:
        container = self.docker.get(name)
        assert container is not None
        self.watch([name])
        container["status"] = "exited"
        self.docker.start(container)

    def remove(self, name: str, grace: int) -> None:
        self.docker.act({"action": "remove", "container": name, "service": name})

    def rename(self, name: str, new: str) -> None:
        self.docker.act({"action": "rename", "container": name, "service": new})

    def networks(self) -> list[dict[str, str]]:
        return [{"Name": "homelab_media_network"}] if self.network else []

    def images(self, references: Any) -> dict[str, Any]:
        return {
            reference: {"RepoTags": sorted(self.names)}
            if any(f"/{name}:" in reference for name in self.local)
            else None
            for reference in references
        }

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.names.add(f"{repository}:{tag}")

    def run(self, image: str, command: Any, **options: Any) -> tuple[int, str]:
        assert command == ("openvpnconfig",)
        holder = lock.holder()
        assert holder is not None, "the trial is an act: it needs the lock"
        self.trials.append((image, options["environment"]))
        if isinstance(self.trial_answer, Exception):
            raise self.trial_answer
        return self.trial_answer

    def image_digest(self, reference: str) -> str:
        return DIGEST

    def inspect(self, name: str) -> dict[str, Any] | None:
        if name == healing.SERVICE:
            labels = {"io.mediastack.service": name}
            return {"State": {"Status": self.autoheal}, "Config": {"Labels": labels}}
        if name == "gluetun" and self.docker.get(name) is None:
            return None
        return {"State": {"Health": {"Log": [{"Output": "first\ncannot reach 127.0.0.1:8989\n"}]}}}

    def containers(self, label: str) -> list[dict[str, Any]]:
        return [
            {"Config": {"Labels": {"io.mediastack.service": name}}}
            for name in (*HOST, *BRIDGE)
            if label == "autoheal=true" and self.docker.get(name)
        ]

    def pause(self, name: str) -> None:
        assert name == healing.SERVICE
        holder = lock.holder()
        self.paused_for.append(holder["reason"] if holder else "nobody")
        self.autoheal = "paused"

    def resume(self, name: str) -> None:
        assert (name, self.autoheal) == (healing.SERVICE, "paused")
        self.autoheal = "running"

    def events(self, since: float, until: float, filters: Any) -> list[Any]:
        return []

    def apply(self, **options: Any) -> stacks.Outcome:
        engine: Any = self
        return stacks.apply(
            self.config, engine, "test", sleep=self.sleep, clock=lambda: self.now, **options
        )

    def statuses(self) -> dict[str, str]:
        return {container["name"]: container["status"] for container in self.docker.containers}


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[House] = House) -> House:
    """The house in place of Docker, Compose and the host's configuration."""
    made = kind(tmp_path)
    file = tmp_path / "mediastack.toml"
    paths = made.config["paths"]
    file.write_text(
        f'schema = 1\n[paths]\nstate = "{paths["state"]}"\nruntime = "{paths["runtime"]}"\n'
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    monkeypatch.setattr(observe, "observe", made.observe)
    monkeypatch.setattr(compose, "execute", made.run_compose)
    monkeypatch.setattr(compose, "described", lambda *_: {"environment": {}, "volumes": []})
    monkeypatch.setattr(stack_verbs, "Docker", lambda: made)
    monkeypatch.setattr(wait_healthy, "Docker", lambda: made)
    monkeypatch.setattr(stack_verbs.configuration, "load", lambda *_: made.config)
    simulated = functools.partial(
        stacks.apply, sleep=made.sleep, clock=lambda: made.now, lock_wait_seconds=1.0
    )
    monkeypatch.setattr(stack_verbs.stacks, "apply", simulated)
    return made
