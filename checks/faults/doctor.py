"""Which check of `stack-manage.sh doctor` says what a check of the smoke suite says.

One exception: the value of a secret that the user gave is known on the controller alone.
"""

from __future__ import annotations

from checks.faults import Failure

# Smoke check: the names under which the doctor reports the same.
SAME = {
    "files.managed_path": ("file",),
    "files.environment": ("environment",),
    "files.left_behind": ("leftover",),
    "files.overrides": ("override",),
    "secrets.declared": ("secret",),
    "secrets.value": ("secret",),
    "secrets.seeded": ("secret",),
    "secrets.private": ("secret",),
    # What is shown in a file makes it another file; in `docker inspect`, another environment.
    "secrets.not_shown": ("file", "environment"),
    "host.package": ("package",),
    "host.account": ("account",),
    "host.monitor": ("account", "socket", "file"),
    "host.door": ("account", "file", "door"),
    "host.disk_guard": ("disk-guard",),
    "host.unit": ("unit", "release"),
    "host.helpers": ("unit",),
    "host.docker_configuration": ("docker-settings", "engine", "docker"),
    "host.data": ("data",),
    "host.hardlinks": ("hardlink",),
    "host.release": ("release",),
    "containers.runs": ("running", "healthy"),
    "containers.described": ("configuration", "mounts"),
    "containers.image": ("image", "image-lock"),
    "containers.mounts": ("mounts",),
    "containers.environment": ("environment",),
    "containers.restart_policy": ("restart-policy",),
    "containers.powers": ("powers",),
    "containers.user": ("user",),
    "containers.logs": ("log-rotation",),
    "containers.hardlink": ("hardlink",),
    "containers.absent": ("stranger",),
    "containers.no_strangers": ("stranger",),
    "containers.stays_stopped": ("stopped",),
    "containers.docker_socket": ("guest",),
    "networks.bridge": ("network",),
    "networks.zone": ("namespace", "networks"),
    "networks.published": ("published-ports",),
    "networks.listening": ("guest", "published-ports"),
    "networks.control_server": ("published-ports",),
    "networks.no_guests": ("guest",),
    "networks.socket_network": ("guest",),
    "networks.web_interface": ("web-interface",),
    "traffic.packet_filter": ("packet-filter",),
    "traffic.proxy": ("socket-proxy",),
    "traffic.bound": ("bound",),
    "traffic.forwarded": ("forwarded-port",),
    "traffic.host_service": ("host-service",),
    "traffic.lock": ("lock",),
    "wall.second_wall": ("wall",),
    "wall.names": ("names",),
    "backups.program": ("package",),
    "backups.timer": ("unit",),
    "backups.password": ("secret",),
    "backups.repository": ("file",),
}


def agrees(killers: tuple[Failure, ...], found: set[Failure]) -> bool:
    """Whether one of the doctor's failures (check, subject) says what one of these checks says."""
    return any(
        # What was made wrongly may not run at all, which both say first.
        check in (*SAME[name], "running") and (not subject or subject in seen or seen in subject)
        for name, subject in killers
        for check, seen in found
    )
