"""Who else is on the bridge: a stranger that must stay in, and what the second wall lets pass.

A wall that drops everything would be safe and useless, so the loss of a rule that accepts has to
show as well: who may leave the bridge does, answers of published ports come, neighbours talk.
"""

from __future__ import annotations

import contextlib
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import host_settings
import wall_configuration
from checks import box, leak_taps, runtime
from checks.framework import Context
from checks.leak_taps import address_of, watched
from checks.leak_walls import OWNER
from service import Service
from settings import enabled

STRANGER, STRANGER_NUMBER = "check-stranger", 251
LOOK_SECONDS = 0.75
PORT_SECONDS = 5.0


@contextlib.contextmanager
def stranger(context: Context) -> Iterator[str]:
    """A container that somebody attached to the bridge; yield its address."""
    host = context.box
    where = stranger_address()
    image = box.run(host, "docker inspect --format '{{.Image}}' ntfy").strip()
    box.run(
        host,
        f"docker rm -f {STRANGER} >/dev/null 2>&1; docker run -d --name {STRANGER}"
        # Its names as our compose files have it for whoever may not leave. A stranger's own
        # container has the host ask for it, when the host's resolver is on its loopback.
        f" --network {leak_taps.NETWORK} --ip {where} --dns {wall_configuration.NOWHERE}"
        f" --entrypoint sleep {image} 600",
    )
    try:
        yield where
    finally:
        box.run(host, f"docker rm -f {STRANGER}", check=False)


def stranger_address() -> str:
    """Its address: one that no service has."""
    return f"{address_of(OWNER).rpartition('.')[0]}.{STRANGER_NUMBER}"


def who_may_leaves(context: Context) -> None:
    """A service marked `egress` reaches the internet."""
    settings = host_settings.load(*runtime.SANDBOX_SETTINGS)
    name = next(name for name, one in enabled(settings).items() if one.egress)
    with watched(context, address_of(name)) as seen:
        time.sleep(LOOK_SECONDS)
    if not seen.sunk.outside["tcp"]:
        context.violation(f"{name} may leave the bridge, and the second wall does not let it")


def answers_pass(context: Context) -> None:
    """A published port of a service that may not leave the bridge answers from outside."""
    service = _kept_in()
    url = f"http://{context.box.box.address}:{service.published_port}/"
    try:
        with urllib.request.urlopen(url, timeout=PORT_SECONDS):  # noqa: S310 - our own address
            return
    except urllib.error.HTTPError:
        return
    except OSError as error:
        context.violation(f"{service.name} does not answer from outside: {error}")


def neighbours_pass(context: Context) -> None:
    """One container reaches another on the bridge: the kernel may filter bridged packets too."""
    service = _kept_in()
    pid = box.run(context.box, f"docker inspect --format '{{{{.State.Pid}}}}' {STRANGER}").strip()
    there = (address_of(service.name), service.port)
    call = f"import socket; socket.create_connection({there!r}, 3)"
    enter = f"nsenter --net --target {pid} python3 -c {shlex.quote(call)}"
    if not box.succeeds(context.box, enter):
        context.violation(f"{service.name} does not answer a container beside it")


def _kept_in() -> Service:
    """A service that may not leave the bridge, and has a published port."""
    settings = host_settings.load(*runtime.SANDBOX_SETTINGS)
    return next(
        one
        for one in enabled(settings).values()
        if one.zone == "bridge" and one.published_port and not one.egress and not one.owner
    )
