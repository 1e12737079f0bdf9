"""Faults of containers: gone, ill, made by hand from something else than the deployed description.

"Made by hand" is what a person does with Compose: the deployed files and one of their own on top.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import render
from checks.faults import Fault, edited
from mediastack import probes
from service import Service
from settings import address
from tests.smoke.expected import Expected

INTENT = "/var/lib/mediastack/intent.json"
SLEEPER = "$(docker inspect --format '{{.Image}}' ntfy)"


def compose(stack: str, services: str, extra: str = "") -> str:
    """Shell that makes services anew from the deployed files (and one more)."""
    top = f"/opt/mediastack/stacks/{stack}"
    files = f"-f {top}/compose.yaml -f {top}/images.yaml {extra}"
    command = (
        f"docker compose --project-name mediastack-{stack} --project-directory {top} {files}"
        f" up -d --no-deps --force-recreate --pull never {services} >/dev/null 2>&1"
    )
    # Autoheal may be restarting the very container that is to be removed.
    return f"{{ {command} || {{ sleep 1; {command}; }} || {{ sleep 3; {command}; }}; }}"


def remade(service: Service, change: dict[str, Any]) -> tuple[str, str]:
    """Shell to make a container by hand with this change, and to make it as it should be."""
    path = f"/run/smoke-fault-{service.name}.yaml"
    written = json.dumps({"services": {service.name: change}})
    plant = f"printf %s {shlex.quote(written)} >{path}; "
    plant += compose(service.stack, service.name, f"-f {path}")
    return plant, f"rm -f {path}; {compose(service.stack, service.name)}"


def is_needed(service: Service) -> bool:
    """Whether other services, or the faults themselves (ntfy's image), stand on it."""
    return service.owner or service.socket_proxy or service.name == "ntfy"


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    for service in expected.services.values():
        if not is_needed(service):
            yield from of_life(expected, service)
            yield from of_making(expected, service)
    disabled = [n for n, one in expected.settings.services.items() if not one.enabled]
    for name in disabled:
        yield stranger("switched off but there", name, (("containers.absent", name),))
    yield stranger("of no service", "nobody", (("containers.no_strangers", ""),))


def stranger(kind: str, name: str, seen: tuple[tuple[str, str], ...]) -> Fault:
    """A container with our label that should not be there."""
    label = f"io.mediastack.service={name}"
    run = f"docker run -d --network none --name by-hand-{name} --label {label} --entrypoint sleep"
    return Fault(kind, name, f"{run} {SLEEPER} 600 >/dev/null",
                 f"docker rm -f by-hand-{name} >/dev/null", seen)  # fmt: skip


def of_life(expected: Expected, service: Service) -> Iterator[Fault]:
    """Killed, gone, paused, stopped on purpose and running all the same."""
    name = service.name
    own, runs = (("service", name),), (("containers.runs", name),)
    yield Fault(
        "container killed", name, f"docker kill {name} >/dev/null",
        f"docker start {name} >/dev/null", runs, own,
    )  # fmt: skip
    yield Fault(
        "container gone", name, f"docker rm -f {name} >/dev/null",
        compose(service.stack, name), runs, own,
    )  # fmt: skip
    if name in expected.urls:
        # Where the host's own packets to the container go, after Docker has changed their address.
        holder = render.owner(expected.settings)
        inside = holder if holder and service.zone == "vpn" else service
        where = f"-d {address(expected.settings, inside)}" if service.zone != "host" else ""
        rule = f"OUTPUT -p tcp {where} --dport {service.port} -j REJECT"
        yield Fault(
            "web interface closed", name, f"iptables -w -I {rule}", f"iptables -w -D {rule}",
            (("networks.web_interface", name),), own,
        )  # fmt: skip
    wish = json.dumps({name: {"by": "check", "reason": "check", "at": "2026-01-01T00:00:00Z"}})
    yield Fault(
        "stopped but runs", name, f"printf %s {shlex.quote(wish)} >{INTENT}", f"rm {INTENT}",
        (("containers.stays_stopped", ""),), own, alone=True,
    )  # fmt: skip
    wanted = "no" if service.zone == "vpn" else "unless-stopped"
    yield Fault(
        "restart policy", name, f"docker update --restart=always {name} >/dev/null",
        f"docker update --restart={wanted} {name} >/dev/null",
        (("containers.restart_policy", name),), own,
    )  # fmt: skip
    pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {name})"
    volumes = render.volumes(expected.settings, service)
    if service.config_path:
        yield Fault(
            "another file system inside", name,
            f"nsenter -t {pid} -m mount -t tmpfs none {service.config_path}",
            f"nsenter -t {pid} -m umount {service.config_path}",
            (("containers.described", name),), own,
        )  # fmt: skip
    data = expected.settings.storage.data
    for mount in volumes:
        if mount["source"] == data and not mount["read_only"]:
            target = f"{mount['target']}/media"
            yield Fault(
                "no link inside", name, f"nsenter -t {pid} -m mount -t tmpfs none {target}",
                f"nsenter -t {pid} -m umount {target}", (("containers.hardlink", name),), own,
            )  # fmt: skip


def of_making(expected: Expected, service: Service) -> Iterator[Fault]:
    """Made by hand from something else."""
    name = service.name
    own = (("service", name),)
    sleeping = {
        "image": "by-hand",
        "entrypoint": ["sleep", "600"],
        "healthcheck": {"test": ["NONE"]},
    }
    ill = {"test": ["CMD", "/nothing"], "interval": "1s", "retries": 1, "start_period": "0s"}
    socket = {"type": "bind", "source": "/var/run/docker.sock", "target": "/docker.sock"}
    folder = {"type": "bind", "source": "/srv", "target": "/by-hand", "read_only": True}
    changes: list[tuple[str, dict[str, Any], str]] = [
        ("other description", {"labels": {"io.mediastack.config": "0000"}}, "described"),
        ("told something else", {"environment": {"BY_HAND": "1"}}, "environment"),
        ("more powers", {"cap_add": ["SYS_TIME"]}, "powers"),
        ("privileged", {"privileged": True}, "powers"),
        ("logs elsewhere", {"logging": {"driver": "none"}}, "logs"),
        ("another mount", {"volumes": [folder]}, "mounts"),
    ]
    if service.health is not None:
        changes.append(("broken health", {"healthcheck": ill}, "runs"))
    if service.identity == "user":
        changes.append(("runs as root", {"user": "0:0"}, "user"))
    for kind, change, check in changes:
        yield Fault(kind, name, *remade(service, change), ((f"containers.{check}", name),), own)
    tag = f"docker tag {SLEEPER} by-hand:latest"
    plant, undo = remade(service, sleeping)
    reference = f"$(docker inspect --format '{{{{.Config.Image}}}}' {name} | cut -d@ -f1)"
    image = f"$(docker inspect --format '{{{{.Image}}}}' {name})"
    yield Fault(
        "image without its tag", name, f"docker tag {SLEEPER} {reference}",
        f"docker tag {image} {reference}", (("containers.image", name),), own,
    )  # fmt: skip
    yield Fault("image replaced", name, f"{tag}; {plant}", undo,
                (("containers.image", name),), own)  # fmt: skip
    yield Fault(
        "holds Docker's socket", name, *remade(service, {"volumes": [socket]}),
        (("containers.docker_socket", ""),), own,
    )  # fmt: skip


def torrent_client(expected: Expected) -> Iterator[Fault]:
    """The client no longer bound to the tunnel."""
    path = probes.client_settings(expected.config)
    change = f"sed -i 's/^Session.Interface=.*/Session\\\\Interface=eth0/' {path}"
    yield Fault("client unbound", path, *edited(path, change), (("traffic.bound", ""),),
                (("service", probes.CLIENT),))  # fmt: skip
    if expected.config["vpn"].get("port_forwarding"):
        file = expected.config["vpn"]["status_file"]
        other = f"echo 1 >{file}"  # nobody listens there
        yield Fault("another port forwarded", file, *edited(file, other),
                    (("traffic.forwarded", ""),), (("service", probes.CLIENT),))  # fmt: skip
