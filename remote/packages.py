"""Distribution packages: which are missing, and installing them in one go.

apt-get update runs only when something is missing, so an unchanged host is never touched; a
half-finished dpkg run of somebody killed is completed first; another apt is waited for.
"""

import os
import subprocess
from typing import Any

APT = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]


def missing(names: "list[str]") -> "list[str]":
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,  # exits 1 when a name is unknown, which is an answer
    )
    installed = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """The packages that are not installed."""
    return [{"path": name, "problem": "not installed"} for name in missing(spec["packages"])]


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Install what is missing; services of new packages start with the configuration in place."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = missing(spec["packages"])
    if not wanted:
        return []
    subprocess.run(["dpkg", "--configure", "-a"], check=True, env=environment)
    subprocess.run([*APT, "-qq", "update"], check=True, env=environment)
    subprocess.run(
        [*APT, "-qq", "install", "-y", "--no-install-recommends", *wanted],
        check=True,
        env=environment,
    )
    return wanted
