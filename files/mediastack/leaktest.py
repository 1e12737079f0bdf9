"""`leaktest`: does anything in the vpn zone get out beside the tunnel? Tried, not looked up.

For each dependent of Gluetun a child enters its network namespace and tries the ways out; the same
is asked from the host's own network, which is what shows that a silence means something. Asked are
the `vpn.exit_check_…` settings and the containers' own resolvers, nothing else. Measuring is done
here, what it means is in leaktest_verdict. `--drill` stops the tunnel for a moment (leaktest_drill)
and tries again. Exit codes: 0 safe, 1 LEAK, 3 inconclusive, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from mediastack import config as configuration
from mediastack import (
    gluetun_client,
    leaktest_drill,
    leaktest_report,
    leaktest_verdict,
    observe,
    plan,
    status,
)
from mediastack.docker_client import Docker

PROBE_SECONDS = 25.0
# Children wait most of their time for answers that must not come.
WORKERS = 10
# A name that everybody knows, where the page to ask has none.
WELL_KNOWN = "example.com"
Config = dict[str, Any]
Answer = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Try whether anything in the vpn zone gets out beside the tunnel."""
    parser = argparse.ArgumentParser(prog="mediastack leaktest", description=main.__doc__)
    parser.add_argument(
        "--drill", action="store_true", help="also without the tunnel, for a moment"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    config = configuration.load()
    if not config.get("vpn", {}).get("control_url"):
        print("mediastack leaktest: this host has no Gluetun, so no vpn zone", file=sys.stderr)
        return leaktest_verdict.EXIT_CODES[leaktest_verdict.INCONCLUSIVE]
    docker = Docker()
    leaktest_drill.heal(config)
    seen, services = measure(config, docker)
    drill = None
    if options.drill:
        drill = leaktest_drill.run(config, lambda: measure_again(config, services))
    found = leaktest_report.build(seen, services, drill)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(leaktest_report.lines(found)))
    if drill is not None or found["verdict"] == leaktest_verdict.LEAK:
        leaktest_report.record(found, plan.owner_name(config))
    return leaktest_verdict.EXIT_CODES[found["verdict"]]


def measure(config: Config, docker: Docker) -> tuple[Answer, dict[str, Answer]]:
    """Return (`seen`, {service: `found`}) as leaktest_verdict takes them. Raise NotReachable."""
    vpn = config["vpn"]
    pages = {"4": vpn["exit_check_url"], "6": vpn["exit_check_url_ipv6"]}
    pages = {family: url for family, url in pages.items() if url}
    observation = observe.observe(config, docker)
    asking = {
        "tunnel": vpn["interface"],
        "pages": pages,
        "targets": targets(vpn, pages),
        "name": name_of(pages),
    }
    seen: Answer = {
        "tunnel": vpn["interface"],
        "pages": pages,
        "bridge": [config["network"]["subnet"]],
        "gluetun": gluetun(config),
        "host": ask(None, {**asking, "tunnel": "", "resolvers": None, "names_at": []}),
    }

    def one(name: str) -> Answer:
        found = placed(config, observation, name)
        if found["state"] == "running":
            found["resolvers"] = resolvers(found["pid"])
            at = list(dict.fromkeys([*found["resolvers"], leaktest_verdict.DOCKERS_RESOLVER]))
            mine = {**asking, "resolvers": found["resolvers"], "names_at": at}
            found |= {"asking": mine, "probe": ask(found, mine)}
        return found

    return seen, _for_each(plan.dependents(config), one)


def measure_again(config: Config, services: Mapping[str, Answer]) -> dict[str, Answer]:
    """Try the ways out once more, by address: {service: `found` with "tunnel_status"}."""

    def again(name: str) -> Answer:
        found = services[name]
        asking = {**found["asking"], "pages": {}, "names_at": []}
        return {**found, "probe": ask(found, asking)}

    tried = [
        name for name, one in services.items() if "error" not in one.get("probe", {"error": ""})
    ]
    answers = _for_each(tried, again)
    state = leaktest_drill.tunnel_status(config)
    return {name: {**found, "tunnel_status": state} for name, found in answers.items()}


def gluetun(config: Config) -> dict[str, str]:
    """Return {"public_ip", "error"}: what Gluetun itself knows of its exit."""
    try:
        return {"public_ip": leaktest_drill.client(config).public_ip(), "error": ""}
    except gluetun_client.GluetunError as error:
        return {"public_ip": "", "error": str(error)}


def placed(config: Config, observation: Mapping[str, Any], name: str) -> Answer:
    """Return what is known of a service before anything is tried."""
    container = status.primary(observation, name)
    owner = status.primary(observation, plan.owner_name(config))
    stopped = status.stopped(config, observation, name)
    if container is None or not container["pid"]:
        state = container["status"] if container else "absent"
        return {"state": state, "stopped": stopped}
    mine, theirs = container["netns"], owner["netns"] if owner else None
    where = "other"
    if mine is None or theirs is None:
        where = "unknown"
    elif mine == theirs:
        where = "gluetun"
    elif mine == status.host_netns():
        where = "host"
    return {
        "state": container["status"],
        "stopped": stopped,
        "namespace": where,
        "pid": container["pid"],
        "netns": mine,
    }


def resolvers(pid: int) -> list[str]:
    """Return the resolvers that a container's programs ask, as its resolv.conf has them."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/root/etc/resolv.conf", encoding="utf-8") as stream:
            rows = [line.split() for line in stream]
        for row in rows:
            if row[:1] == ["nameserver"] and len(row) > 1:
                with contextlib.suppress(ValueError):
                    found.append(str(ipaddress.ip_address(row[1])))
    return found


def targets(vpn: Mapping[str, Any], pages: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what is tried: the page's server by TCP, the resolver by DNS and by ping."""
    found: list[dict[str, Any]] = []
    at = {"4": vpn["exit_check_resolver"], "6": vpn["exit_check_resolver_ipv6"]}
    for family in ("4", "6"):
        parts = urlsplit(pages.get(family, ""))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.hostname:
            with contextlib.suppress(OSError):
                kind = socket.AF_INET if family == "4" else socket.AF_INET6
                address = str(socket.getaddrinfo(parts.hostname, None, kind)[0][4][0])
                found.append({"kind": "tcp", "address": address, "port": port})
        if at[family]:
            found += [{"kind": kind, "address": at[family], "port": 53} for kind in ("dns", "icmp")]
    return [{**one, "family": ipaddress.ip_address(one["address"]).version} for one in found]


def name_of(pages: Mapping[str, str]) -> str:
    """Return a name to look up: the page's own."""
    host = urlsplit(pages.get("4", "")).hostname or WELL_KNOWN
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return WELL_KNOWN
    return host


def ask(found: Mapping[str, Any] | None, asking: Mapping[str, Any]) -> Answer:
    """Return what leaktest_probe says, from a service's namespace or from here; {"error"} else."""
    with contextlib.ExitStack() as held:
        descriptor = None
        try:
            if found is not None:
                flags = os.O_RDONLY | os.O_CLOEXEC
                descriptor = os.open(f"/proc/{found['pid']}/ns/net", flags)
                held.callback(os.close, descriptor)
                if os.fstat(descriptor).st_ino != found["netns"]:
                    return {"error": "it was started anew meanwhile"}
            done = subprocess.run(
                [sys.executable, "-m", "mediastack", "leaktest-probe"],
                input=json.dumps({**asking, "netns": descriptor}),
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
                pass_fds=() if descriptor is None else (descriptor,),
                env=leaktest_drill.child_environment(),
            )
            answer: Answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return {"error": f"no end after {PROBE_SECONDS:g} s"}
        except OSError as error:
            return {"error": error.strerror or str(error)}
        except ValueError:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            return {"error": last[0]}
    return answer


def _for_each(names: Sequence[str], function: Callable[[str], Answer]) -> dict[str, Answer]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(names, pool.map(function, names), strict=True))
