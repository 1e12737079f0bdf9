"""The second wall compared: what nft lists against what is wanted, and how they differ. Pure.

Both sides are brought into one form, without what differs between versions of nft (handles, order
and writing of elements) and without counts. Sets of thousands of addresses are compared as text.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import socket
from collections.abc import Iterable
from typing import Any

from mediastack.wall_rules import FAMILY, TABLE, Object

# How many elements of a set are named in words.
SHOWN = 5
Normal = dict[str, Any]


def differences(objects: Iterable[Object], listed: Object | None) -> list[str]:
    """Return what a listing (`nft -j list table`; None: there is no table) lacks or has too much,
    in words; [] when the wall stands."""
    return problems(normal(objects), listing(listed))


def listing(listed: Object | None) -> Normal | None:
    """Return the `normal` form of a listing, None without one."""
    return None if listed is None else normal(listed.get("nftables", []))


def digest(form: Normal) -> str:
    """Return a name for what a `normal` form says."""
    text = json.dumps(form, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def problems(want: Normal, have: Normal | None) -> list[str]:
    """Return how two `normal` forms differ, in words."""
    if have is None:
        return [f"table {FAMILY} {TABLE} is missing"]
    if want == have:
        return []
    found = []
    for name in dict.fromkeys([*want, *have]):
        if name not in have:
            found.append(f"{name} is missing")
        elif name not in want:
            found.append(f"{name} is not ours")
        elif want[name] != have[name]:
            found.append(_told(name, want[name], have[name]))
    return found


def normal(objects: Iterable[Object]) -> Normal:
    """Return {"counter x", "set x", "chain x": what it says}, without what differs between
    versions of nft (handles, order and writing of elements) and without counts."""
    found: dict[str, Any] = {}
    rules: dict[str, list[Any]] = {}
    for one in objects:
        ((kind, content),) = one.items()
        if kind == "counter":
            found[f"counter {content['name']}"] = "counter"
        elif kind == "set":
            elements = content.get("elem", [])
            if "interval" in content.get("flags", ()):
                words = map(_word, _collapsed([_element(each) for each in elements]))
            else:
                words = map(_name, elements)
            found[f"set {content['name']}"] = {"type": content["type"], "elements": sorted(words)}
        elif kind == "chain":
            keys = ("type", "hook", "prio", "policy")
            found[f"chain {content['name']}"] = {key: content.get(key) for key in keys}
            rules.setdefault(content["name"], [])
        elif kind == "rule":
            rules.setdefault(content["chain"], []).append(content["expr"])
        elif kind not in ("metainfo", "table"):
            found[f"{kind} {content.get('name', '')}"] = content
    return found | {f"rules of {chain}": several for chain, several in rules.items()}


def _element(value: Any) -> Any:
    """An element as a network, a range, a number or a name."""
    if isinstance(value, dict) and "prefix" in value:
        return ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}")
    if isinstance(value, dict) and "range" in value:
        return tuple(ipaddress.ip_address(each) for each in value["range"])
    if isinstance(value, dict) and "elem" in value:
        return _element(value["elem"]["val"])
    if isinstance(value, str):
        try:
            return ipaddress.ip_network(value)
        except ValueError:
            return value
    return str(value)


def _name(value: Any) -> str:
    """An element of a set without intervals, an address as the kernel writes it: there may be
    thousands."""
    if isinstance(value, dict):
        return _name(value["elem"]["val"]) if "elem" in value else _word(_element(value))
    for kind in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            return socket.inet_ntop(kind, socket.inet_pton(kind, str(value)))
    return str(value)


def _collapsed(elements: list[Any]) -> list[Any]:
    """Neighbouring networks as one, however a version of nft writes them."""
    kinds = (ipaddress.IPv4Network, ipaddress.IPv6Network)
    flat: list[Any] = []
    for one in elements:
        if isinstance(one, tuple):
            flat += ipaddress.summarize_address_range(one[0], one[1])
        else:
            flat.append(one)
    rest = [one for one in flat if not isinstance(one, kinds)]
    for kind in kinds:
        rest += ipaddress.collapse_addresses(one for one in flat if isinstance(one, kind))
    return rest


def _word(element: Any) -> str:
    """An element as a person writes it."""
    if isinstance(element, tuple):
        return " ".join(map(str, element))
    return str(element).removesuffix("/32").removesuffix("/128")


def _several(words: list[str]) -> str:
    """Some of them, and how many more."""
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _told(name: str, want: Any, have: Any) -> str:
    """One difference in words."""
    if isinstance(want, dict) and "elements" in want and want["type"] == have.get("type"):
        missing = sorted(set(want["elements"]) - set(have["elements"]))
        extra = sorted(set(have["elements"]) - set(want["elements"]))
        told = [f"lacks {_several(missing)}"] if missing else []
        told += [f"has {_several(extra)} too much"] if extra else []
        return f"{name} {' and '.join(told)}"
    if isinstance(want, list) and isinstance(have, list):
        missing = [str(number + 1) for number, one in enumerate(want) if one not in have]
        if missing:
            return f"{name}: number {', '.join(missing)} of {len(want)} is missing"
        return f"{name} are {len(have)} instead of {len(want)}, or in another order"
    return f"{name} is {have} instead of {want}"
