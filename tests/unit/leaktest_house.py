"""A vpn zone as leaktest sees it when all is well, and the faults to plant in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

EXIT, HOST = "203.0.113.7", "192.0.2.10"
EXIT6, HOST6 = "2001:db8:e::7", "2001:db8:a::10"
KINDS = ("tcp", "dns", "icmp")
Seen = dict[str, Any]
Fault = Callable[[Seen, dict[str, Any]], Any]


def tries(got: bool, devices: tuple[str, ...], families: tuple[int, ...]) -> list[dict[str, Any]]:
    result = {"got": "an answer"} if got else {"error": "no answer"}
    return [
        {"device": device, "kind": kind, "family": family, "result": dict(result)}
        for device in devices
        for kind in KINDS
        for family in families
    ]


def seen() -> Seen:
    return copy.deepcopy(
        {
            "tunnel": "tun0",
            "gluetun": {"public_ip": EXIT, "error": ""},
            "bridge": ["172.30.0.0/24"],
            "pages": {"4": "https://page.example/", "6": "https://page6.example/"},
            "host": {
                "devices": ["lo", "eth0"],
                "pages": {"4": {"got": HOST}, "6": {"got": HOST6}},
                "targets": tries(True, ("",), (4, 6)),
            },
        }
    )


def found() -> dict[str, Any]:
    """One service; through the tunnel everything is answered, beside it nothing."""
    return copy.deepcopy(
        {
            "state": "running",
            "stopped": False,
            "namespace": "gluetun",
            "resolvers": ["127.0.0.1"],
            "tunnel_status": "running",
            "probe": {
                "devices": ["lo", "eth0", "tun0"],
                "ipv6": {},
                "ipv6_routes": [],
                "pages": {"4": {"got": EXIT}, "6": {"error": "Network is unreachable"}},
                "names": {
                    "127.0.0.1": {"got": "no error"},
                    "127.0.0.11": {"got": "server failure"},
                },
                "targets": tries(True, ("",), (4,))
                + tries(False, ("",), (6,))
                + tries(False, ("eth0",), (4, 6)),
            },
        }
    )


def page(where: str, family: str, value: str) -> Fault:
    """A fault: somebody ("host" or "inside") is seen under another address; "" for no answer."""
    result = {"got": value} if value else {"error": "no answer"}

    def plant(seen: Seen, found: dict[str, Any]) -> None:
        (seen["host"] if where == "host" else found["probe"])["pages"][family] = result

    return plant


def out(kind: str, family: int = 4, device: str = "eth0") -> Fault:
    """A fault: this gets out beside the tunnel."""

    def plant(_: Seen, found: dict[str, Any]) -> None:
        for one in found["probe"]["targets"]:
            if (one["device"], one["kind"], one["family"]) == (device, kind, family):
                one["result"] = {"got": "connected"}

    return plant


def deaf(kind: str, family: int = 4) -> Fault:
    """A fault of the test itself: the host gets no answer to this either."""

    def plant(seen: Seen, _: dict[str, Any]) -> None:
        for one in seen["host"]["targets"]:
            if (one["kind"], one["family"]) == (kind, family):
                one["result"] = {"error": "no answer"}

    return plant


def inside(**values: Any) -> Fault:
    return lambda _, found: found.update(values)


def probe(**values: Any) -> Fault:
    return lambda _, found: found["probe"].update(values)


def around(address: str = "", route: bool = False) -> Fault:
    """A fault: there is IPv6 beside the tunnel."""

    def plant(_: Seen, found: dict[str, Any]) -> None:
        found["probe"]["ipv6"] = {"eth0": [address]} if address else {}
        found["probe"]["ipv6_routes"] = ["eth0"] if route else []

    return plant


def both(*faults: Fault) -> Fault:
    def plant(seen: Seen, found: dict[str, Any]) -> None:
        for fault in faults:
            fault(seen, found)

    return plant
