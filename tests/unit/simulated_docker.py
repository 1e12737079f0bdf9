"""A tiny Docker that refuses what Docker refuses, for tests of plan, stacks and keeper."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from mediastack import plan

OWNER = "gluetun"
VPN = ["qbittorrent", "sonarr", "flaresolverr"]
BRIDGE = ["tautulli", "seerr"]
HOST = ["plex"]
DATA = {"qbittorrent", "sonarr", "plex"}
EVERYTHING = [OWNER, *VPN, *HOST, *BRIDGE]


def a_config() -> dict[str, Any]:
    services = {}
    for name in EVERYTHING:
        zone = "vpn" if name in VPN else "host" if name in HOST else "bridge"
        services[name] = {
            "stack": "downloads" if name in (OWNER, *VPN) else "media",
            "zone": zone,
            "owner": name == OWNER,
            "image": f"registry/{name}:1",
            "config_hash": f"hash-{name}",
            "health": name != "flaresolverr",
            "data": name in DATA,
        }
    return {
        # gluetun is not first in the list: plan puts it there.
        "stacks": {
            "downloads": {"services": [*VPN, OWNER]},
            "media": {"services": [*HOST, *BRIDGE]},
        },
        "services": services,
    }


class SimulatedDocker:
    """Does to containers what Docker and Compose do, including their refusals."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.containers: list[dict[str, Any]] = []
        self.present = True
        self.intents: dict[str, Any] = {}
        self.images = {name: entry["image"] for name, entry in config["services"].items()}
        self.counter = itertools.count(1)
        self.started: list[str] = []

    def observation(self) -> dict[str, Any]:
        return copy.deepcopy(
            {
                "containers": self.containers,
                "data": {"present": self.present, "error": ""},
                "intents": self.intents,
                "images": self.images,
            }
        )

    def get(self, service: str) -> dict[str, Any] | None:
        return next((c for c in self.containers if c["name"] == service), None)

    def create(self, service: str) -> dict[str, Any]:
        assert self.get(service) is None, f"name conflict: {service}"
        entry = self.config["services"][service]
        mode = "bridge"
        if entry["zone"] == "vpn":
            owner = self.get(OWNER)
            assert owner is not None, f"{service}: no such container: gluetun"
            mode = f"container:{owner['id']}"
        container = {
            "name": service,
            "id": f"id{next(self.counter)}",
            "service": service,
            "stack": entry["stack"],
            "config_hash": entry["config_hash"],
            "image": self.images[service],
            "status": "created",
            "health": "none",
            "network_mode": mode,
            "netns": None,
            "stale_mounts": [],
            "started_at": "",
            "finished_at": "",
        }
        self.containers.append(container)
        return container

    def start(self, container: dict[str, Any]) -> None:
        service = container["service"]
        entry = self.config["services"][service]
        assert service not in self.intents, f"{service} was stopped by the user"
        assert self.present or not entry["data"], f"{service} was started without /data"
        if entry["zone"] == "vpn":
            owner = self.get(OWNER)
            assert owner is not None and owner["status"] == "running", "409"
            assert owner["health"] == "healthy", f"{service} was started before gluetun is healthy"
            assert container["network_mode"] == f"container:{owner['id']}", "no such container"
            container["netns"] = owner["netns"]
        else:
            container["netns"] = next(self.counter)
        container["status"] = "running"
        container["stale_mounts"] = []
        container["health"] = "starting" if entry["health"] else "none"
        self.started.append(service)

    def act(self, action: dict[str, str]) -> None:
        existing = self.get(action.get("container") or action["service"])
        if action["action"] == "remove":
            assert existing is not None
            self.containers.remove(existing)
        elif action["action"] == "rename":
            assert existing is not None and self.get(action["service"]) is None
            existing["name"] = action["service"]
        elif action["action"] == "start":
            assert existing is not None and existing["status"] in ("exited", "created")
            self.start(existing)
        else:
            if existing is not None:
                assert action["action"] == "recreate"
                self.containers.remove(existing)
            else:
                assert action["action"] == "create"
            self.start(self.create(action["service"]))

    def time_passes(self) -> None:
        for container in self.containers:
            if container["status"] == "running" and container["health"] != "none":
                container["health"] = "healthy"
            if container["status"] == "restarting":
                # Docker's own restart policy: a new namespace at each start.
                container["status"] = "running"
                if not container["network_mode"].startswith("container:"):
                    container["netns"] = next(self.counter)

    def converge(self) -> list[tuple[str, str]]:
        """Run the loop that stacks.apply runs; return what was done."""
        done = []
        for _ in range(12):
            actions = plan.plan(self.config, self.observation())
            if not actions and all(c["status"] != "restarting" for c in self.containers):
                return done
            for action in plan.ready(self.config, self.observation(), actions):
                self.act(action)
                done.append((action["action"], action["service"]))
            self.time_passes()
        raise AssertionError(f"does not converge: {actions}")


def running_house() -> SimulatedDocker:
    docker = SimulatedDocker(a_config())
    docker.converge()
    docker.started.clear()
    return docker


def planned(docker: SimulatedDocker) -> list[tuple[str, str]]:
    return [
        (action["action"], action["service"])
        for action in plan.plan(docker.config, docker.observation())
    ]
