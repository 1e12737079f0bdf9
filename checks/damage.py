"""Undo a good part of a deployed box, so that every operation of a deploy has real work.

Seeded: which managed files are gone or changed, which containers are removed. Not undone is what
a comparison could not bear: generated secrets that others are made from.
"""

from __future__ import annotations

import random
import shlex
from typing import Any

# Nothing is made from them but seeds, which are the apps' own.
GENERATED = ("prowlarr/api_key", "bazarr/web_password")
# A part of python3-venv; what the record says after a dpkg that was killed while it configured.
DEPENDENCY = "python3-setuptools-whl"
STATUS = "/var/lib/dpkg/status"
HALF_CONFIGURED = (
    f"sed -i '/^Package: {DEPENDENCY}$/,/^$/s/^Status: .*/Status: install ok half-configured/'"
    f" {STATUS}"
)
BRIDGE = "homelab_media_network"
UNITS = ("mediastack-notify.path", "mediastack-doctor.timer", "mediastack-drift.timer")
REMOVED_CONTAINERS = 3
APT = "apt-get -qq -o DPkg::Lock::Timeout=120"


def managed_files(config: dict[str, Any]) -> list[str]:
    """The paths of managed files that may be damaged: not the media, not Docker's settings."""
    return [
        entry["path"]
        for entry in config["files"]
        if entry["kind"] == "file"
        and not entry["path"].startswith(("/data", "/srv"))
        and entry["path"] != "/etc/docker/daemon.json"
    ]


def of_files(chance: random.Random, config: dict[str, Any]) -> list[str]:
    """Some are gone, some changed, some with another mode."""
    paths = chance.sample(managed_files(config), 45)
    gone, changed, open_ = (shlex.join(paths[start::3]) for start in range(3))
    return [
        f"rm -f {gone}",
        f"for path in {changed}; do printf '\\n# by hand\\n' >>$path; done",
        f"chmod 0606 {open_}",
    ]


def of_secrets(config: dict[str, Any]) -> list[str]:
    """Copies and filled files that are gone, and two generated ones."""
    top = f"{config['paths']['etc']}/secrets"
    copies = [f"{one['service']}/{one['name']}" for one in config["secrets"]
              if one["origin"] == "copy"]  # fmt: skip
    gone = shlex.join(f"{top}/{name}" for name in (*copies, *GENERATED))
    return [f"rm -f {gone} {top}/ntfy/server.yml", f"chmod 0700 {top}/cross-seed/config.js"]


def of_containers(chance: random.Random, config: dict[str, Any]) -> list[str]:
    """A few are removed; keeper and monitor, which would mend that, are stopped."""
    names = sorted(name for name, one in config["services"].items() if not one["owner"])
    some = shlex.join(chance.sample(names, REMOVED_CONTAINERS))
    return [f"docker rm --force {some} >/dev/null"]


def commands(
    chance: random.Random, config: dict[str, Any], *, heavy: bool, package: bool
) -> list[str]:
    """All of it, in order; `heavy`: Docker's settings and the bridge of all stacks as well.

    `package`: one is removed too; else all are there, and a dependency is half configured.
    """
    program = config["paths"]["program"]
    found = [
        "systemctl stop mediastack-keeper.service mediastack-monitor.service",
        *of_containers(chance, config),
        *of_secrets(config),
        f"systemctl disable --quiet --now {shlex.join(UNITS[1:])}",
        f"systemctl stop {UNITS[0]}",
        f"rm -rf {program}/venv-*/lib",
        f"rm -f {program}/venv-*/complete",
        "sed -i '/^mediastack:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow",
        *([f"{APT} remove -y python3-venv >/dev/null"] if package else []),
        HALF_CONFIGURED,
    ]
    if heavy:
        leave = f"xargs -r -n 1 docker network disconnect --force {BRIDGE}"
        members = f"docker network inspect {BRIDGE} -f '{{{{range .Containers}}}}{{{{.Name}}}}"
        found += [
            f"{members} {{{{end}}}}' | tr ' ' '\\n' | grep . | {leave}",
            f"docker network rm {BRIDGE} >/dev/null",
            "printf '\\n' >>/etc/docker/daemon.json",
        ]
    return [*found, *of_files(chance, config)]
