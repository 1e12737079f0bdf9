"""Faults of containers, and which check of the doctor has to name each, in which words."""

from __future__ import annotations

import doctor_house as house
from doctor_faults import Fault, Faults, drop, no_container, of, put


def bound(service: str, port: str, address: str, host_port: str) -> Fault:
    value = [{"HostIp": address, "HostPort": host_port}]
    return put("inspected", service, "NetworkSettings", "Ports", port, value=value)


FAULTS: Faults = [
    ("running", "seerr", "no container", no_container("seerr")),
    ("running", "plex", "exited (exit code 137)", of("plex", status="exited", exit_code=137)),
    ("healthy", "seerr", "unhealthy", of("seerr", health="unhealthy")),
    ("healthy", "seerr", "starting", of("seerr", health="starting")),
    ("healthy", "seerr", "none", of("seerr", health="none")),
    (
        "configuration",
        "gluetun",
        "vpn.countries: Gluetun refuses it",
        put("observation", "refused", value={"gluetun": "vpn.countries: Gluetun refuses it: x"}),
    ),
    ("configuration", "seerr", "older configuration", of("seerr", config_hash="hash-old")),
    (
        "configuration",
        "plex",
        "older /run/sentinel",
        of("plex", stale_mounts=["/run/sentinel"]),
    ),
    ("image", "seerr", "runs ghcr.io/x/seerr:1 instead", of("seerr", image="ghcr.io/x/seerr:1")),
    (
        "image",
        "seerr",
        "without its tag",
        put("images", house.observation()["images"]["seerr"], "RepoTags", value=["kept/seerr:1"]),
    ),
    ("image-lock", "plex", "images.lock", drop("image_lock", "plex")),
    ("namespace", "qbittorrent", "gluetun's", of("qbittorrent", netns=4026532999)),
    ("namespace", "plex", "the host's", of("plex", netns=4026532999)),
    ("namespace", "seerr", "one of its own", of("seerr", netns=house.OWNER_NETNS)),
    ("namespace", "seerr", "one of its own", of("seerr", netns=house.HOST_NETNS)),
    ("namespace", "gluetun", "one of its own", of("gluetun", netns=house.HOST_NETNS)),
    ("namespace", "seerr", "could not be compared", of("seerr", netns=None)),
    (
        "restart-policy",
        "qbittorrent",
        "unless-stopped instead of no",
        put(
            "inspected",
            "qbittorrent",
            "HostConfig",
            "RestartPolicy",
            "Name",
            value="unless-stopped",
        ),
    ),
    (
        "restart-policy",
        "seerr",
        "no instead of unless-stopped",
        put("inspected", "seerr", "HostConfig", "RestartPolicy", "Name", value=""),
    ),
    (
        "published-ports",
        "gluetun",
        "does not publish 192.168.1.10:8080->8080",
        put("inspected", "gluetun", "NetworkSettings", "Ports", value={}),
    ),
    (
        "published-ports",
        "seerr",
        "publishes 0.0.0.0:5055->5055, which no setting names",
        bound("seerr", "5055/tcp", "0.0.0.0", "5055"),
    ),
    (
        "published-ports",
        "plex",
        "publishes 192.168.1.10:1->1",
        bound("plex", "1/tcp", "192.168.1.10", "1"),
    ),
    (
        "log-rotation",
        "seerr",
        "without limit",
        put("inspected", "seerr", "HostConfig", "LogConfig", "Config", value={}),
    ),
]
