"""Faults of the host, and which check of the doctor has to name each, in which words."""

from __future__ import annotations

from typing import Any

import doctor_house as house
from doctor_faults import SECRETS, Fault, Faults, drop, put

UPDATER, INBOX = "mediastack-updater", "/var/lib/mediastack/inbox"
LISTENS = "172.30.0.1:8195"
ACCOUNT, MEMORY = "mediastack-monitor", "/var/lib/mediastack/monitor"
DOOR = "/run/mediastack-healer/healer.sock"
KEEPER, PATH = "mediastack-keeper.service", "mediastack-notify.path"
PASSWORD = f"{SECRETS}/qbittorrent/password"
AUTH = f"{SECRETS}/gluetun/auth.toml"
SEED = "/srv/mediastack/config/qbittorrent/qBittorrent.conf"
PROGRAM = "/opt/mediastack/bin/mediastack"
DAEMON = "/etc/docker/daemon.json"
NETWORK = "homelab_media_network"


def guarded(*path: Any, value: Any) -> Fault:
    """A fault: the disk guard says something else."""
    return put("disk_guard", "report", *path, value=value)


FAULTS: Faults = [
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
]
