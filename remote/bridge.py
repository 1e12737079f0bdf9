"""The external bridge that all three compose projects join: fixed name, subnet and gateway."""

import json
import subprocess
from typing import Any

LABEL = "io.mediastack.network=bridge"


def inspect(name: str) -> "dict[str, Any] | None":
    shown = subprocess.run(
        ["docker", "network", "inspect", name], capture_output=True, text=True, check=False
    )
    return json.loads(shown.stdout)[0] if shown.returncode == 0 else None


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Absent, or with another subnet or gateway."""
    try:
        found = inspect(spec["name"])
    except FileNotFoundError:  # Docker itself is still to be installed
        found = None
    if found is None:
        return [{"path": spec["name"], "problem": "absent"}]
    have = [(pool.get("Subnet"), pool.get("Gateway")) for pool in found["IPAM"]["Config"] or []]
    wanted = [(pool["subnet"], pool["gateway"]) for pool in spec["pools"]]
    if sorted(have) != sorted(wanted):
        return [{"path": spec["name"], "problem": f"has {have} instead of {wanted}"}]
    return []


def create(spec: "dict[str, Any]") -> None:
    command = ["docker", "network", "create", "--driver", "bridge", "--label", LABEL]
    if any(":" in pool["subnet"] for pool in spec["pools"]):
        command.append("--ipv6")
    for pool in spec["pools"]:
        command += ["--subnet", pool["subnet"], "--gateway", pool["gateway"]]
    subprocess.run([*command, spec["name"]], check=True, stdout=subprocess.DEVNULL)


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Create it; one with other addresses is replaced, and its containers with it (state is
    in their config directories), because Docker cannot change a network's subnet."""
    problems = check(spec)
    if not problems:
        return []
    found = inspect(spec["name"])
    if found is not None:
        shown = subprocess.run(
            ["docker", "ps", "-a", "--filter", "label=io.mediastack.service",
             "--format", "{{.ID}} {{.Networks}}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()  # fmt: skip
        # Those in the host's network have nothing to do with it: nobody's film stops.
        listed = [line.split()[0] for line in shown if line.split()[1:] != ["host"]]
        if listed:
            subprocess.run(["docker", "rm", "--force", *listed], check=True)
        subprocess.run(["docker", "network", "rm", spec["name"]], check=True)
    create(spec)
    return [one["problem"] for one in problems]
