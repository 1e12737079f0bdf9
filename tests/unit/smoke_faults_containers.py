"""Faults of containers, and the check that must name each."""

from __future__ import annotations

from collections.abc import Callable

from tests.smoke import (
    expect_containers as C,
)
from tests.unit.smoke_faults import (
    Fault,
    Observed,
    labelled,
    of,
    of_process,
    setting,
    without,
)
from tests.unit.smoke_house_containers import found


def told(name: str, line: str) -> Callable[[Observed], None]:
    """Adds a line to a container's environment."""
    return lambda observed: found(observed, name)["Config"]["Env"].append(line)


FAULTS = (
    Fault(C.runs, ("sonarr",), without("sonarr"), "no container"),
    Fault(C.runs, ("sonarr",), of("sonarr", "/x", "Name"), "sonarr is x"),
    Fault(C.runs, ("sonarr",), labelled("sonarr"), "stranger"),
    Fault(C.runs, ("sonarr",), of("sonarr", "exited", "State", "Status"), "exited"),
    Fault(C.runs, ("sonarr",), of("sonarr", "unhealthy", "State", "Health", "Status"), "unhealthy"),
    Fault(C.runs, ("sonarr",), of("sonarr", {}, "State", "Health"), "none"),
    Fault(
        C.runs,
        ("recyclarr",),  # the catalog names no check for it, its image might
        setting({"Healthcheck": {"Test": ["CMD", "true"]}}, "images", "image-recyclarr", "Config"),
        "none",
    ),
    Fault(
        C.described,
        ("sonarr",),
        of("sonarr", "0123", "Config", "Labels", "io.mediastack.config"),
        "0123",
    ),
    Fault(C.described, ("sonarr",), of_process("sonarr", "other_mounts", ["/data"]), "/data"),
    Fault(C.mounts, ("sonarr",), lambda o: found(o, "sonarr")["Mounts"].pop(), "does not mount"),
    Fault(C.mounts, ("plex",), lambda o: found(o, "plex")["Mounts"][1].update(RW=True), "writable"),
    Fault(C.image, ("sonarr",), lambda o: o["lock"]["services"].pop("sonarr"), "not in the image"),
    Fault(C.image, ("sonarr",), setting(None, "lock"), "not in the image"),
    Fault(
        C.image,
        ("sonarr",),
        setting("ghcr.io/linuxserver/sonarr:3.0.0", "lock", "services", "sonarr", "image"),
        "outside",
    ),
    Fault(
        C.image,
        ("sonarr",),
        setting("sha256:" + "b" * 64, "lock", "services", "sonarr", "digest"),
        "instead of",
    ),
    Fault(C.image, ("gluetun",), of("gluetun", "image-sonarr", "Image"), "instead of"),
    Fault(C.image, ("plex",), setting([], "images", "image-plex", "RepoTags"), "without its tag"),
    Fault(
        C.restart_policy,
        ("sonarr",),
        of("sonarr", "always", "HostConfig", "RestartPolicy", "Name"),
        "always",
    ),
    Fault(
        C.restart_policy, ("ntfy",), of("ntfy", "no", "HostConfig", "RestartPolicy", "Name"), "no"
    ),
    Fault(C.powers, ("ntfy",), of_process("ntfy", "capabilities", 1 << 21), "SYS_ADMIN"),
    Fault(C.powers, ("gluetun",), of_process("gluetun", "capabilities", 0), "lacks"),
    Fault(C.powers, ("wud",), of_process("wud", "capabilities", (1 << 41) - 1), "SYS_MODULE"),
    Fault(C.powers, ("ntfy",), of_process("ntfy", "no_new_privileges", False), "may gain"),
    Fault(C.powers, ("ntfy",), of("ntfy", True, "HostConfig", "Privileged"), "privileged"),
    Fault(C.user, ("ntfy",), of_process("ntfy", "uid", 0), "0:1000"),
    Fault(C.logs, ("ntfy",), of("ntfy", {}, "HostConfig", "LogConfig", "Config"), "without limit"),
    Fault(C.absent, ("lidarr",), labelled("lidarr"), "switched off"),
    Fault(C.stays_stopped, (), setting({"by": "anna"}, "intent", "ntfy"), "stopped by anna"),
    Fault(C.no_strangers, (), labelled("left-over"), "left-over"),
    Fault(
        C.docker_socket,
        (),
        lambda o: found(o, "wud")["Mounts"].append({"Source": "/run/docker.sock"}),
        "root on this host",
    ),
    Fault(
        C.docker_socket,
        (),
        lambda o: found(o, "plex")["Mounts"].append({"Source": "/var/run"}),
        "root on this host",
    ),
    Fault(C.environment, ("ntfy",), told("ntfy", "BY_HAND=1"), "BY_HAND, which no setting"),
    Fault(C.environment, ("wud",), told("wud", "TZ=Mars"), "another TZ"),
    Fault(C.environment, ("wud",), of("wud", [], "Config", "Env"), "not told TZ"),
    Fault(C.hardlink, ("sonarr",), setting("Cross-device", "links_inside", "sonarr"), "Cross"),
    Fault(C.logs, ("ntfy",), of("ntfy", "none", "HostConfig", "LogConfig", "Type"), "logs to none"),
)
