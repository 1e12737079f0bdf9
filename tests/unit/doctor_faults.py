"""Faults of a house, and which check of the doctor has to name each, in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import doctor_house as house

Fault = Callable[[dict[str, Any], dict[str, Any]], Any]


def put(*path: Any, value: Any) -> Fault:
    """A fault: the fact at this path gets another value."""

    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            facts = facts[key]
        facts[last] = value

    return plant


def of(service: str, **values: Any) -> Fault:
    """A fault: the observed container of a service shows other values."""
    return lambda _, facts: house.container(facts, service).update(values)


def drop(*path: Any) -> Fault:
    """A fault: the fact at this path is gone."""

    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            facts = facts[key]
        del facts[last]

    return plant


def no_container(service: str) -> Fault:
    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        facts["observation"]["containers"].remove(house.container(facts, service))

    return plant


def bound(service: str, port: str, address: str, host_port: str) -> Fault:
    value = [{"HostIp": address, "HostPort": host_port}]
    return put("inspected", service, "NetworkSettings", "Ports", port, value=value)


UPDATER, INBOX = "mediastack-updater", "/var/lib/mediastack/inbox"
LISTENS = "172.30.0.1:8195"
ACCOUNT, MEMORY = "mediastack-monitor", "/var/lib/mediastack/monitor"
DOOR = "/run/mediastack-healer/healer.sock"
KEEPER, PATH = "mediastack-keeper.service", "mediastack-notify.path"
SECRETS = "/etc/mediastack/secrets"
PASSWORD = f"{SECRETS}/qbittorrent/password"
AUTH = f"{SECRETS}/gluetun/auth.toml"
SEED = "/srv/mediastack/config/qbittorrent/qBittorrent.conf"
PROGRAM = "/opt/mediastack/bin/mediastack"
DAEMON = "/etc/docker/daemon.json"
NETWORK = "homelab_media_network"

WALL, SERVERS = "table inet mediastack_wall", "addresses of the VPN's servers"


def wall(plant: Callable[[list[dict[str, Any]]], Any]) -> Fault:
    """A fault: the objects of the second wall are others."""
    return lambda _, facts: plant(facts["wall"]["listed"]["nftables"])


def no_rule(chain: str, number: int) -> Fault:
    """A fault: a rule of the second wall is gone."""

    def plant(objects: list[dict[str, Any]]) -> None:
        rules = [one for one in objects if one.get("rule", {}).get("chain") == chain]
        objects.remove(rules[number])

    return wall(plant)


def emptied(name: str) -> Fault:
    """A fault: a set of the second wall has no elements."""

    def plant(objects: list[dict[str, Any]]) -> None:
        next(one["set"] for one in objects if one.get("set", {}).get("name") == name).pop("elem")

    return wall(plant)


def guarded(*path: Any, value: Any) -> Fault:
    """A fault: the disk guard says something else."""
    return put("disk_guard", "report", *path, value=value)


FAULTS: list[tuple[str, str, str, Fault]] = [
    # check, subject, words of the problem, fault
    ("unit", KEEPER, "masked", put("units", KEEPER, "LoadState", value="masked")),
    ("unit", KEEPER, "not-found", put("units", KEEPER, "LoadState", value="not-found")),
    ("unit", PATH, "unknown to systemd", drop("units", PATH)),
    ("unit", PATH, "disabled", put("units", PATH, "UnitFileState", value="disabled")),
    ("unit", KEEPER, "failed", put("units", KEEPER, "ActiveState", value="failed")),
    ("unit", KEEPER, "changed on disk", put("units", KEEPER, "NeedDaemonReload", value="yes")),
    ("release", KEEPER, "0.9", put("units", KEEPER, "Release", value="0.9.0+old")),
    ("release", KEEPER, "unknown", put("units", KEEPER, "Release", value="")),
    ("account", ACCOUNT, "does not exist", put("monitor", "account", value=None)),
    ("account", ACCOUNT, "is root", put("monitor", "account", "uid", value=0)),
    ("account", ACCOUNT, "/bin/sh", put("monitor", "account", "shell", value="/bin/sh")),
    ("account", ACCOUNT, "docker", put("monitor", "account", "groups", value=["docker"])),
    ("account", UPDATER, "does not exist", put("door", "account", value=None)),
    ("account", UPDATER, "docker", put("door", "account", "groups", value=["docker"])),
    ("file", INBOX, "is missing", put("door", "directory", value=None)),
    ("file", INBOX, "mode 0755", put("door", "directory", "mode", value=0o755)),
    ("door", LISTENS, "does not listen", put("door", "listeners", value=[])),
    ("door", LISTENS, "0.0.0.0 too", put("door", "listeners", value=["172.30.0.1", "0.0.0.0"])),
    ("door", LISTENS, "refused to GET", put("door", "answers", "GET /healthz", value="refused")),
    ("door", LISTENS, "202 to POST", put("door", "answers", "POST /hooks/wud", value=202)),
    ("door", "wud", "out of reach", put("door", "reach", value="timed out")),
    ("file", MEMORY, "is missing", put("monitor", "directory", value=None)),
    ("file", MEMORY, "mode 0755", put("monitor", "directory", "mode", value=0o755)),
    ("file", MEMORY, "uid 0 instead of 998", put("monitor", "directory", "uid", value=0)),
    ("socket", DOOR, "is missing", put("monitor", "socket", value=None)),
    ("socket", DOOR, "is no socket", put("monitor", "socket", "kind", value="other")),
    ("socket", DOOR, "mode 0666", put("monitor", "socket", "mode", value=0o666)),
    ("socket", DOOR, "uid 0 instead of 998", put("monitor", "socket", "uid", value=0)),
    (
        *("update", "plex", "has been in its update for 3.0 h (restore)"),
        put(
            *("updates", "inflight"),
            value={"service": "plex", "step": "restore", "seconds": 10_800.0},
        ),
    ),
    ("disk-guard", "disk guard", "not said anything", put("disk_guard", "report", value={})),
    ("disk-guard", "disk guard", "10 minutes", put("disk_guard", "silent_seconds", value=600.0)),
    (
        "disk-guard",
        "disk guard",
        "see /data",
        guarded("unknown", value=["/data"]),
    ),
    ("room", "/data", "free", guarded("disks", 0, "warned", value=True)),
    (
        "room",
        "/data",
        "in all",
        guarded("disks", 0, "resume", value=2**42),
    ),
    (
        "downloads",
        "qbittorrent",
        "are paused",
        guarded("phase", value="paused"),
    ),
    (
        "downloads",
        "qbittorrent",
        "cannot be paused",
        guarded("deaf", value=True),
    ),
    ("downloads", "qbittorrent", "not all back: 3", guarded("stopped", value=3)),
    ("update", "pause", "for 20 days", put("updates", "paused_seconds", value=20 * 86_400.0)),
    ("package", "rsync", "is not there", put("updates", "tools", "rsync", value=False)),
    ("backup", "backup", "no target", put("backup", "targets", value={})),
    (
        *("backup", "nas", "no new backup: nas: connection refused"),
        put("backup", "targets", "nas", "error", value="nas: connection refused; fix: is it on?"),
    ),
    (
        *("backup", "local", "no backup since 2 days"),
        put("backup", "targets", "local", "age_seconds", value=48 * 3600.0),
    ),
    (
        *("backup", "nas", "no backup since ever"),
        put("backup", "targets", "nas", "age_seconds", value=None),
    ),
    (
        *("backup", "local", "not checked and pruned: disk full"),
        put("backup", "targets", "local", "care_error", value="disk full"),
    ),
    (
        *("restore-drill", "restore", "last proven 9 days ago"),
        put("backup", "unproven", value="was last proven 9 days ago"),
    ),
    (
        *("restore-drill", "restore", "sonarr: sonarr.db: 3 rows"),
        put("backup", "drill_error", value="sonarr: sonarr.db: 3 rows in entries instead of 4"),
    ),
    ("package", "restic", "is not there", put("backup", "tools", "restic", value=False)),
    ("healing", "monitor", "is paused", put("monitor", "paused", value="is paused for …")),
    ("state", "/var/lib/mediastack", "schema", put("state_error", value="schema is 2")),
    ("docker-settings", DAEMON, "No such", put("daemon_settings", "error", value="No such file")),
    (
        "docker-settings",
        f"{DAEMON} log rotation",
        "max-size",
        drop("daemon_settings", "value", "log-opts"),
    ),
    (
        "docker-settings",
        f"{DAEMON} live-restore",
        "live-restore",
        put("daemon_settings", "value", "live-restore", value=False),
    ),
    (
        "docker-settings",
        "live-restore",
        "not in force",
        put("info", "LiveRestoreEnabled", value=False),
    ),
    ("docker-settings", "log driver", "journald", put("info", "LoggingDriver", value="journald")),
    ("network", NETWORK, "does not exist", drop("networks", 1)),
    (
        "network",
        NETWORK,
        "172.31.0.0/24 instead of 172.30.0.0/24",
        put("networks", 1, "IPAM", "Config", 0, "Subnet", value="172.31.0.0/24"),
    ),
    (
        "network",
        NETWORK,
        "gateway 172.30.0.254",
        put("networks", 1, "IPAM", "Config", 0, "Gateway", value="172.30.0.254"),
    ),
    ("hardlink", "/data", "cross-device", put("data", "hardlink_error", value="cross-device link")),
    ("disk", "/data", "only 100 MiB", put("disks", "/data", "free_bytes", value=100 * 1024**2)),
    (
        "disk",
        "/opt/mediastack",
        "only 9 inodes",
        put("disks", "/opt/mediastack", "free_inodes", value=9),
    ),
    ("clock", "clock", "years behind", put("clock", "now", value=1_000_000.0)),
    ("clock", "clock", "backwards", put("clock", "newest", value=house.NOW + 61)),
    ("clock", "clock", "time server", put("clock", "synchronised", value=False)),
    ("spool", "notifications", "1.0 h", put("spool_oldest_seconds", value=3600.0)),
    ("secret", PASSWORD, "is missing", drop("secrets", PASSWORD)),
    ("secret", PASSWORD, "mode 0440", put("secrets", PASSWORD, "mode", value=0o440)),
    ("secret", PASSWORD, "mode 0404", put("secrets", PASSWORD, "mode", value=0o404)),
    ("secret", PASSWORD, "0:1000 instead of 1000:1000", put("secrets", PASSWORD, "uid", value=0)),
    ("secret", PASSWORD, "instead of 1000:1000", put("secrets", PASSWORD, "gid", value=0)),
    ("secret", AUTH, "0600 instead of 0400", put("secrets", AUTH, "mode", value=0o600)),
    ("secret", AUTH, "is missing", drop("secrets", AUTH)),
    ("secret", SEED, "mode 0644", put("secrets", SEED, "mode", value=0o644)),
    ("secret", SECRETS, "mode 0755", put("secrets", SECRETS, "mode", value=0o755)),
    (
        "secret",
        f"{SECRETS}/qbittorrent",
        "uid 1000",
        put("secrets", f"{SECRETS}/qbittorrent", "uid", value=1000),
    ),
    (
        "secret",
        f"{SECRETS}/.salt-key",
        "mode 0444",
        put("secrets", f"{SECRETS}/.salt-key", "mode", value=0o444),
    ),
    ("file", PROGRAM, "is missing", drop("files", PROGRAM)),
    ("file", PROGRAM, "is a link", put("files", PROGRAM, "kind", value="link")),
    ("file", PROGRAM, "0644 instead of 0755", put("files", PROGRAM, "mode", value=0o644)),
    ("file", PROGRAM, "1000:0 instead of 0:0", put("files", PROGRAM, "uid", value=1000)),
    ("file", PROGRAM, "was changed", put("files", PROGRAM, "sha256", value="0" * 64)),
    ("file", "/data/media", "0755 instead of 0775", put("files", "/data/media", "mode", value=493)),
    (
        "file",
        "/etc/mediastack/gluetun.env",
        "missing",
        drop("files", "/etc/mediastack/gluetun.env"),
    ),
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
    ("wall", WALL, "is missing", put("wall", "listed", value=None)),
    ("wall", WALL, "nft cannot be run", put("wall", "error", value="nft cannot be run")),
    ("wall", WALL, "rules of judge: number 1 of 10", no_rule("judge", 0)),
    ("wall", WALL, "rules of judge: number 10 of 10", no_rule("judge", 9)),
    ("wall", WALL, "rules of owner: number 8 of 9", no_rule("owner", 7)),
    ("wall", WALL, "rules of forward: number 2 of 3", no_rule("forward", 1)),
    ("wall", WALL, "owners_ipv4 lacks 172.30.0.10", emptied("owners_ipv4")),
    ("wall", WALL, "endpoint_ports lacks 51820", emptied("endpoint_ports")),
    ("wall", WALL, "bridges lacks br-abcdef012345", emptied("bridges")),
    ("wall", WALL, "servers_ipv4 lacks 198.51.100.10", emptied("servers_ipv4")),
    ("wall", SERVERS, "not JSON", put("wall", "unread", value="servers.json is not JSON")),
    ("wall", SERVERS, "1 of Gluetun's", put("wall", "found", value={"protonvpn": ["1.2.3.4"]})),
    (
        "wall",
        WALL,
        "chain forward is missing",
        wall(
            lambda o: o.remove(
                next(one for one in o if one.get("chain", {}).get("name") == "forward")
            )
        ),
    ),
    (
        "log-rotation",
        "seerr",
        "without limit",
        put("inspected", "seerr", "HostConfig", "LogConfig", "Config", value={}),
    ),
]
