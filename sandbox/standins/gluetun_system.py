"""What Gluetun's parts share: its log lines, running programs, and the container's own links."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .gluetun_settings import Interface, Network


def log(component: str, text: str, level: str = "INFO") -> None:
    """One line of log, as upstream writes it."""
    print(f"{level} [{component}] {text}", flush=True)


def run(words: Sequence[str], text: str | None = None) -> str:
    """Run a program with `text` as its input; return its output. Raise OSError when it fails."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def run_ip(lines: Sequence[str]) -> None:
    """Run commands of ip(8) that begin with their family (-4 or -6), the first family first."""
    for family in ("-4", "-6"):
        own = [line.removeprefix(family) for line in lines if line.startswith(family)]
        if own:
            run(["ip", family, "-batch", "-"], "\n".join(own) + "\n")


@dataclass(frozen=True)
class Link:
    """A network the container is attached to (not the tunnel), and the gateway it offers."""

    device: str
    address: Interface
    gateway: str = ""

    @property
    def network(self) -> Network:
        """The network the address lies in."""
        return self.address.network


def links() -> list[Link]:
    """The container's links, both families, link-local addresses as well."""
    addresses = json.loads(run(["ip", "-json", "address", "show"]))
    gateways: dict[tuple[str, int], str] = {}
    for family, version in (("-4", 4), ("-6", 6)):
        shown = run(["ip", "-json", family, "route", "show", "default"]) or "[]"
        for route in json.loads(shown):
            gateways[route["dev"], version] = route.get("gateway", "")
    return list_links(addresses, gateways)


def list_links(
    addresses: Sequence[dict[str, Any]], gateways: dict[tuple[str, int], str]
) -> list[Link]:
    """The links among what `ip -json address` shows; loopback and tunnels are none."""
    found = []
    for device in addresses:
        if device.get("link_type") != "ether":
            continue
        for entry in device.get("addr_info", []):
            address = ipaddress.ip_interface(f"{entry['local']}/{entry['prefixlen']}")
            gateway = ""
            if not address.is_link_local:
                gateway = gateways.get((device["ifname"], address.version), "")
            found.append(Link(device["ifname"], address, gateway))
    return found
