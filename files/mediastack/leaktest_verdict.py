"""What the probes of a leak test mean: safe, LEAK, or inconclusive with the reason. Pure.

Nothing is called safe for want of an answer. A silence counts as "there is no way out" only where
the same question, asked from the host's own network, was answered; an exit address counts as the
tunnel's only where it is Gluetun's own and the host has another. Whatever got out beside the tunnel
is a LEAK, whatever else was found.

Given, as leaktest.py gathers it: `seen` = {"tunnel": device, "gluetun": {"public_ip", "error"},
"bridge": [subnet], "pages": {family: url}, "host": answer of leaktest_probe or {"error"}}, and for
each service `found` = {"state": Docker's word, "stopped": by the user, "namespace": "gluetun" or
"host" or "other" or "unknown", "resolvers": [address], "probe": like "host"}.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

SAFE, LEAK, INCONCLUSIVE = "safe", "LEAK", "inconclusive"
EXIT_CODES = {SAFE: 0, LEAK: 1, INCONCLUSIVE: 3}
DOCKERS_RESOLVER = "127.0.0.11"
SAME_SITE_BITS = 64
NAMED = {"tcp": "TCP", "dns": "DNS over UDP", "icmp": "ICMP"}
# Without an answer to pings many networks work; what counts must be proven by the other two.
NEEDED = ("tcp", "dns")
# What shows that a resolver was reached, and did ask somebody.
ANSWERED = ("no error", "no such name", "an answer")
Seen = Mapping[str, Any]
Found = Mapping[str, Any]


class Test(NamedTuple):
    """One question about one service, its verdict, and what was seen, in words."""

    test: str
    verdict: str
    reason: str


def examine(seen: Seen, found: Found) -> list[Test]:
    """Return all tests of one service; none of one that does not run because the user said so."""
    if found["state"] != "running":
        if found["stopped"]:
            return []
        return [Test("namespace", INCONCLUSIVE, f"it does not run ({found['state']})")]
    tests = [namespace(seen, found)]
    if "error" in found["probe"]:
        return [*tests, Test("exit", INCONCLUSIVE, f"not tried: {found['probe']['error']}")]
    checks: tuple[Callable[[Seen, Found], Test], ...] = (exit_address, names, ipv6, beside)
    return tests + [check(seen, found) for check in checks]


def total(verdicts: Iterable[str]) -> str:
    """Return the worst; nothing tested is inconclusive."""
    given = list(verdicts)
    if LEAK in given:
        return LEAK
    return INCONCLUSIVE if INCONCLUSIVE in given or not given else SAFE


def namespace(_: Seen, found: Found) -> Test:
    """It lives in Gluetun's network namespace, where the tunnel is."""
    where = found["namespace"]
    if where == "gluetun":
        return Test("namespace", SAFE, "Gluetun's")
    if where == "host":
        return Test("namespace", LEAK, "it is in the host's own network")
    told = "could not be compared" if where == "unknown" else "is not Gluetun's"
    return Test("namespace", INCONCLUSIVE, f"its network namespace {told}; restart it")


def exit_address(seen: Seen, found: Found) -> Test:
    """It leaves under the address that Gluetun has, which is not the host's."""
    gluetun, url = seen["gluetun"]["public_ip"], seen["pages"].get("4", "")
    mine = _got(found["probe"], "pages", "4")
    host = _got(seen["host"], "pages", "4")
    if not url:
        return Test("exit", INCONCLUSIVE, "not asked: vpn.exit_check_url is empty")
    if mine and mine == host:
        if mine == gluetun:
            reason = f"Gluetun and the host both leave as {host}: they cannot be told apart"
            return Test("exit", INCONCLUSIVE, reason)
        return Test("exit", LEAK, f"it leaves as {mine}, the host's own address")
    if not mine:
        why = _why(found["probe"], "pages", "4")
        return Test("exit", INCONCLUSIVE, f"{url} cannot be asked from inside: {why}")
    if not gluetun:
        why = seen["gluetun"]["error"] or "it knows none"
        return Test("exit", INCONCLUSIVE, f"Gluetun does not say its exit address: {why}")
    if mine != gluetun:
        reason = f"it leaves as {mine}, which is neither Gluetun's {gluetun} nor the host's"
        return Test("exit", INCONCLUSIVE, reason)
    if not host:
        why = _why(seen["host"], "pages", "4")
        return Test("exit", INCONCLUSIVE, f"the host's own address is not known: {why}")
    return Test("exit", SAFE, f"{mine}, as Gluetun says")


def names(seen: Seen, found: Found) -> Test:
    """Its names are looked up inside the tunnel, and Docker's resolver is no way around it."""
    probe, resolvers = found["probe"], found["resolvers"]
    if not resolvers:
        return Test("dns", INCONCLUSIVE, "its resolv.conf names no resolver")
    if _got(probe, "names", DOCKERS_RESOLVER) in ANSWERED:
        reason = f"Docker's resolver {DOCKERS_RESOLVER} answers in there; it asks beside the tunnel"
        return Test("dns", LEAK, reason)
    bridges = [ipaddress.ip_network(one) for one in seen["bridge"] if one]
    for resolver in resolvers:
        address = ipaddress.ip_address(resolver)
        if any(address.version == one.version and address in one for one in bridges):
            reason = (
                f"it asks {resolver}, in the containers' own network: what that asks is unknown"
            )
            return Test("dns", INCONCLUSIVE, reason)
    answering = [one for one in resolvers if _got(probe, "names", one) in ANSWERED]
    if not answering:
        why = _got(probe, "names", resolvers[0]) or _why(probe, "names", resolvers[0])
        return Test("dns", INCONCLUSIVE, f"names cannot be looked up at {resolvers[0]}: {why}")
    return Test("dns", SAFE, f"asks {', '.join(answering)}")


def ipv6(seen: Seen, found: Found) -> Test:
    """It leaves over IPv6 in the tunnel or not at all."""
    probe = found["probe"]
    mine, host = _got(probe, "pages", "6"), _got(seen["host"], "pages", "6")
    if mine and host and _same_site(mine, host):
        return Test("ipv6", LEAK, f"it leaves as {mine}, an address of the host's network")
    around = _ipv6_around(seen, probe)
    if not around:
        told = f"leaves as {mine}, in the tunnel" if mine else "no way out"
        return Test("ipv6", SAFE, told)
    reached, silent, untried = _tries(seen, probe, 6)
    if reached:
        return Test("ipv6", LEAK, f"got out beside the tunnel: {', '.join(reached)}")
    if mine and not host:
        reason = f"it leaves as {mine}; the host's own IPv6 address is not known"
        return Test("ipv6", INCONCLUSIVE, reason)
    if any(NAMED[kind] not in silent for kind in NEEDED):
        why = "; ".join(untried) or "nothing was tried"
        return Test("ipv6", INCONCLUSIVE, f"{around}, and {why}")
    return Test("ipv6", SAFE, f"{around}, and nothing gets out there")


def beside(seen: Seen, found: Found) -> Test:
    """Bound to another device than the tunnel nothing reaches the internet (IPv4)."""
    probe = found["probe"]
    devices = _others(seen, probe)
    if not devices:
        return Test("beside", SAFE, "it has no other device")
    reached, silent, untried = _tries(seen, probe, 4)
    if reached:
        return Test("beside", LEAK, f"got out beside the tunnel: {', '.join(reached)}")
    if any(NAMED[kind] not in silent for kind in NEEDED):
        return Test("beside", INCONCLUSIVE, "; ".join(untried) or "nothing was tried")
    told = f"nothing gets out of {', '.join(devices)} ({', '.join(silent)})"
    return Test("beside", SAFE, "; ".join([told, *untried]))


def silence(seen: Seen, found: Found) -> Test:
    """While the tunnel is down nothing gets out at all, whichever way is tried."""
    probe = found["probe"]
    if "error" in probe:
        return Test("drill", INCONCLUSIVE, f"not tried: {probe['error']}")
    if found["tunnel_status"] != "stopped":
        told = f"Gluetun calls the tunnel {found['tunnel_status'] or 'nothing'}, not stopped"
        return Test("drill", INCONCLUSIVE, told)
    out: list[str] = []
    silent: list[str] = []
    untried: list[str] = []
    for family in (4, 6):
        reached, quiet, untold = _tries(seen, probe, family, bound=None)
        out += [f"{kind} over IPv{family}" for kind in reached]
        silent += [f"{kind}{'' if family == 4 else ' over IPv6'}" for kind in quiet]  # noqa: PLR2004
        untried += untold if family == 4 else []  # noqa: PLR2004
    if out:
        return Test("drill", LEAK, f"got out without the tunnel: {', '.join(out)}")
    if any(NAMED[kind] not in silent for kind in NEEDED):
        return Test("drill", INCONCLUSIVE, "; ".join(untried) or "nothing was tried")
    return Test("drill", SAFE, f"without the tunnel nothing gets out ({', '.join(silent)})")


def _tries(
    seen: Seen, probe: Mapping[str, Any], family: int, *, bound: bool | None = True
) -> tuple[list[str], list[str], list[str]]:
    """Return what got out, what did not although the host is answered, and what says nothing.

    `bound`: only tries that were bound to a device beside the tunnel; None: all of them.
    """
    control = {
        one["kind"]: one["result"]
        for one in seen["host"].get("targets", ())
        if one["family"] == family
    }
    reached, silent, untried = [], [], []
    for kind, told in NAMED.items():
        tries = [
            one
            for one in probe["targets"]
            if one["kind"] == kind and one["family"] == family and (bound is None or one["device"])
        ]
        out = [one["device"] for one in tries if "got" in one["result"]]
        if out:
            ways = [device for device in out if device]
            reached.append(f"{told} through {', '.join(ways)}" if ways else told)
        elif tries and "got" in control.get(kind, {}):
            silent.append(told)
        elif tries:
            why = control.get(kind, {}).get("error", "not tried there")
            untried.append(f"{told} says nothing: the host itself gets no answer ({why})")
    return reached, silent, untried


def _others(seen: Seen, probe: Mapping[str, Any]) -> list[str]:
    return [one for one in probe["devices"] if one not in ("lo", seen["tunnel"])]


def _ipv6_around(seen: Seen, probe: Mapping[str, Any]) -> str:
    """What of IPv6 there is beside the tunnel, "" for nothing that leads anywhere."""
    others = _others(seen, probe)
    held = [address for device in others for address in probe["ipv6"].get(device, ())]
    routes = [device for device in probe["ipv6_routes"] if device in others]
    if not held and not routes:
        return ""
    parts = [f"has {', '.join(held)}"] if held else []
    parts += [f"an IPv6 route through {', '.join(routes)}"] if routes else []
    return f"it {' and '.join(parts)} beside the tunnel"


def _same_site(one: str, other: str) -> bool:
    """Whether two IPv6 addresses are of one customer's network, as far as one can tell."""
    first, second = (ipaddress.ip_address(address) for address in (one, other))
    if first.version != second.version:
        return False
    shift = first.max_prefixlen - (SAME_SITE_BITS if first.version == 6 else 32)  # noqa: PLR2004
    return int(first) >> shift == int(second) >> shift


def _got(answer: Mapping[str, Any], part: str, key: str) -> str:
    return str(answer.get(part, {}).get(key, {}).get("got", ""))


def _why(answer: Mapping[str, Any], part: str, key: str) -> str:
    fallback = answer.get("error", "not asked")
    return str(answer.get(part, {}).get(key, {}).get("error", fallback))
