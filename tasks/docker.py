"""The Docker engine runs with our configuration, and the bridge of all stacks exists."""

from __future__ import annotations

import ipaddress

from pyinfra.api import deploy

import operations
import render
from operations import Wanted
from settings import Settings, gateway


@deploy("Docker")
def engine() -> None:
    """The daemon runs, and has read the daemon.json that is on disk."""
    operations.converge(
        name="Engine",
        module="engine",
        wanted=Wanted({"configuration": "/etc/docker/daemon.json"}),
    )


@deploy("Docker")
def network(settings: Settings) -> None:
    """The bridge has a fixed subnet and gateway, so that every service has a fixed address."""
    pools = [{"subnet": settings.network.subnet, "gateway": gateway(settings)}]
    if settings.network.ipv6_subnet:
        subnet = ipaddress.ip_network(settings.network.ipv6_subnet)
        pools.append({"subnet": str(subnet), "gateway": str(subnet[1])})
    operations.converge(
        name="Bridge",
        module="bridge",
        wanted=Wanted({"name": render.NETWORK, "pools": pools}),
    )
