"""Two dependents get an anonymous volume with a mark in it, which no recreation may lose.

No service of the catalog has one; users' own images do. It is one line in the compose file of the
box, which a deploy takes away again, and the very next recreation by whoever keeps it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from checks import box
from checks.box import Host
from checks.framework import Context
from checks.leak_operations import COMPOSE, LOCK, STACK

SERVICES = ("sonarr", "unpackerr")
TARGET = "/check-kept"
COMPOSE_FILE = f"{STACK}/compose.yaml"
ADD = f"""
import re
path, services = {COMPOSE_FILE!r}, {SERVICES!r}
with open(path, encoding="utf-8") as stream:
    text = stream.read()
for service in services:
    head, block = re.split(rf"(?m)^  {{service}}:.*$", text, maxsplit=1)
    text = text[: len(text) - len(block)] + block.replace(
        "    volumes:\\n", "    volumes:\\n      - {TARGET}\\n", 1)
with open(path, "w", encoding="utf-8") as stream:
    stream.write(text)
"""

Volumes = dict[str, str]


@contextlib.contextmanager
def there(context: Context) -> Iterator[Volumes]:
    """{service: the volume's name}, while the context lasts."""
    host = context.box
    before = box.run(host, f"cat {COMPOSE_FILE}")
    try:
        box.run(host, "python3 -", stdin=ADD)
        recreate(host)
        found = named(host)
        context.control("the anonymous volumes", set(found) == set(SERVICES))
        for service, volume in found.items():
            box.run(host, f"echo {service} >{directory(volume)}/mark")
        yield found
    finally:
        box.run(host, f"cat >{COMPOSE_FILE}", stdin=before)
        leftover = named(host)
        recreate(host)
        box.run(host, f"docker volume rm {' '.join(leftover.values())}", check=False)


def judge(context: Context, volumes: Volumes, when: str) -> None:
    """The volumes are the same ones, and the mark is in them."""
    now = named(context.box)
    for service, volume in volumes.items():
        if now.get(service) != volume:
            context.violation(f"{when} {service} has another anonymous volume")
            volumes[service] = now.get(service, "")
        elif not box.succeeds(context.box, f"grep -qx {service} {directory(volume)}/mark"):
            context.violation(f"{when} the anonymous volume of {service} is empty")


def named(host: Host) -> Volumes:
    """{service: the name of its anonymous volume} of those that have one."""
    inspected = json.loads(box.run(host, f"docker inspect {' '.join(SERVICES)}", check=False))
    return {
        one["Name"].lstrip("/"): mount["Name"]
        for one in inspected
        for mount in one["Mounts"]
        if mount["Type"] == "volume" and mount["Destination"] == TARGET
    }


def directory(volume: str) -> str:
    """Where Docker keeps it."""
    return f"/var/lib/docker/volumes/{volume}/_data"


def recreate(host: Host) -> None:
    """Make both services anew, as the compose file says now."""
    services = " ".join(SERVICES)
    box.run(host, f"{LOCK} {COMPOSE} up -d --no-deps --force-recreate --pull never {services} 2>&1")
