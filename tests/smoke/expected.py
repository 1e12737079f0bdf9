"""What a host should be: built from settings and catalog, by the code that deploys it.

Nothing of it is written down a second time. Three things only the host knows (its name, its LAN
address, whether /data is a mount of its own) come from the deploy's preflight; names and paths do
not depend on them, so the tests can be collected before any connection.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import distributions
import host_configuration
import layout
import render
from mediastack import doctor_door, doctor_wall, probes, wall_endpoints
from service import Service
from settings import Settings, enabled

Entry = dict[str, Any]
UNKNOWN = {
    "host_name": "host",
    "python": [3, 11],
    "os_release": {"ID": "debian", "VERSION_ID": "13"},
    "default_address": "192.0.2.1",
    "daemon_json": "{}",
    "places": {"data": {"is_mount": False}},
}


@dataclass(frozen=True)
class Expected:
    """The wanted state of one host."""

    settings: Settings
    entries: list[Entry]
    config: dict[str, Any]
    packages: tuple[str, ...]
    environment: str
    """Name of the host programs' virtual environment."""
    host_name: str
    userland_proxy: bool
    """Whether Docker's own process listens on a published port."""

    @cached_property
    def services(self) -> dict[str, Service]:
        """The services that shall run, by name."""
        return enabled(self.settings)

    @cached_property
    def bind_address(self) -> str:
        """Where ports are published."""
        return str(self.config["network"]["bind_address"])

    @cached_property
    def files(self) -> dict[str, Entry]:
        """Managed paths."""
        return {entry["path"]: entry for entry in self.entries}

    @cached_property
    def secrets(self) -> dict[str, Entry]:
        """Every secret that must exist, by path: owner and mode."""
        made = {
            render.secret_path(one["service"], one["name"]): {**one, "mode": "0400"}
            for one in self.config["secrets"]
            if one["required"]
        }
        filled = {one["destination"]: one for one in self.config["secret_files"] if not one["seed"]}
        return {**made, **filled}

    @cached_property
    def seeds(self) -> dict[str, Entry]:
        """Configuration written once, that its application owns since."""
        return {one["destination"]: one for one in self.config["secret_files"] if one["seed"]}

    @cached_property
    def units(self) -> dict[str, str]:
        """Units that must be enabled and active, and their kind."""
        ours = {unit["name"]: unit["kind"] for unit in self.config["units"]}
        return {"docker.service": "service", **ours}

    @cached_property
    def urls(self) -> dict[str, str]:
        """Where each published service answers."""
        return {name: one["url"] for name, one in self.config["services"].items() if one["url"]}

    @cached_property
    def host_services(self) -> dict[str, int]:
        """Port of each service on the host's network that others ask through the gateway."""
        found = self.services.items()
        return {name: one.port for name, one in found if one.zone == "host" and one.port}

    def proxies(self, kind: str) -> dict[str, dict[str, int]]:
        """What the proxies of one kind of socket answer, by name."""
        return {
            name: probes.PROXY_ANSWERS[kind]
            for name, one in self.services.items()
            if one.socket_proxy and one.socket == kind
        }

    def environment_of(self, name: str) -> dict[str, str]:
        """What a service's container is told, its environment file included."""
        service = self.services[name]
        values = render.context(self.settings, self.bind_address, self.host_name)
        wanted = render.service_environment(self.settings, service, values)
        path = f"{render.ETC}/{name}.env" if service.environment_file else ""
        lines = self.files[path]["text"].splitlines() if path else []
        pairs = (line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        return {**dict(pairs), **wanted}

    def ports(self, name: str) -> set[str]:
        """ "address:host port:container port" of what a service's container publishes."""
        return set(render.published(self.settings, self.services[name], self.bind_address))


def build(settings: Settings, facts: dict[str, Any]) -> Expected:
    """The wanted state of a host about which the preflight says these facts."""
    bind = settings.network.bind_address
    daemon = json.loads(facts["daemon_json"] or "{}")
    distribution = distributions.find(facts["os_release"])
    packages = distributions.packages(distribution, settings.docker.source) if distribution else ()
    entries, config = layout.build(
        settings,
        host_name=facts["host_name"],
        bind_address=facts["default_address"] if bind == "auto" else bind,
        daemon=daemon,
        data_is_mount=facts["places"]["data"]["is_mount"],
        packages=packages,
    )
    lock = hashlib.sha256(layout.HOST_LOCK.read_bytes()).hexdigest()
    python = ".".join(str(part) for part in facts["python"])
    return Expected(
        settings=settings,
        entries=entries,
        config=config,
        packages=packages,
        environment=f"venv-{lock[:12]}-python{python}",
        host_name=facts["host_name"],
        userland_proxy=daemon.get("userland-proxy", True),
    )


def question(expected: Expected) -> dict[str, Any]:
    """What host_program.observe is asked to look at."""
    config, holder = expected.config, render.owner(expected.settings)
    return {
        "paths": list(expected.files) + [f"{host_configuration.PROGRAM}/venv"],
        "program": host_configuration.PROGRAM,
        "state": host_configuration.STATE,
        "manage": f"{host_configuration.PROGRAM}/bin/stack-manage.sh",
        "overrides": [
            f"{host_configuration.PROGRAM}/stacks/{stack}/images.yaml" for stack in config["stacks"]
        ],
        "units": [*expected.units, *host_configuration.HELPER_UNITS],
        "secrets_directory": f"{render.ETC}/secrets",
        "secrets": [f"{one['service']}/{one['name']}" for one in config["secrets"]],
        "seeds": list(expected.seeds),
        "data": expected.settings.storage.data,
        "sentinel": config["paths"]["sentinel"],
        "uid": expected.settings.host.puid,
        "gid": expected.settings.host.pgid,
        "urls": sorted(set(expected.urls.values())),
        "halves": [f"{expected.settings.storage.data}/{half}" for half in ("torrents", "media")],
        "proxies": probes.proxy_questions(config["services"]),
        "owner": holder.name if holder else "",
        "gateway": config["network"]["gateway"],
        "host_services": expected.host_services,
        "torrent_client": probes.client_settings(config),
        "forwarded_port": config["vpn"]["status_file"]
        if config["vpn"].get("port_forwarding")
        else "",
        "lock": f"{config['paths']['runtime']}/stack.lock",
        "wall": list(doctor_wall.LIST),
        "monitor": config["monitor"],
        "disk_guard": f"{config['paths']['runtime']}/disk_guard.json",
        "door": {
            "account": config["updates"]["account"],
            "directory": config["updates"]["inbox"],
            "port": config["updates"]["port"],
            "questions": doctor_door.ANSWERS,
        },
        "servers": ["cat", wall_endpoints.path(config["paths"]["state"])],
    }
