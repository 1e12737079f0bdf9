"""What the doctor sees of a host without a fault, beside what Docker says and the second wall."""

from __future__ import annotations

from typing import Any


def facts(now: float) -> dict[str, Any]:
    def secret(mode: int, uid: int = 0, *, directory: bool = False) -> dict[str, Any]:
        return {"mode": mode, "uid": uid, "gid": uid, "directory": directory}

    unit = {
        "LoadState": "loaded",
        "UnitFileState": "enabled",
        "ActiveState": "active",
        "NeedDaemonReload": "no",
        "MainPID": "0",
    }
    return {
        "state_error": "",
        "wrong_secrets": {},
        "made": {},
        "doors": {},
        "door": {
            "account": {
                "uid": 997,
                "gid": 997,
                "shell": "/usr/sbin/nologin",
                "groups": [],
            },
            "directory": {"kind": "directory", "uid": 997, "mode": 0o700},
            "listeners": ["172.30.0.1"],
            "answers": {"GET /healthz": 200, "POST /hooks/wud": 401},
            "reach": "",
        },
        "monitor": {
            "account": {
                "uid": 998,
                "gid": 998,
                "shell": "/usr/sbin/nologin",
                "groups": [],
            },
            "directory": {"kind": "directory", "uid": 998, "mode": 0o750},
            "socket": {"kind": "socket", "uid": 998, "mode": 0o600},
            "paused": "",
        },
        "disk_guard": {
            "report": {
                "schema": 1,
                "phase": "open",
                "stopped": 0,
                "deaf": False,
                "error": "",
                "unknown": [],
                "disks": [
                    {
                        "paths": ["/data"],
                        "pauses": True,
                        "free": 900 * 1024**3,
                        "total": 2000 * 1024**3,
                        "warn": 50 * 1024**3,
                        "pause": 20 * 1024**3,
                        "resume": 30 * 1024**3,
                        "warned": False,
                        "low": False,
                    }
                ],
            },
            "silent_seconds": 12.0,
        },
        "updates": {
            "inflight": None,
            "paused_seconds": 0.0,
            "tools": {"rsync": True, "skopeo": True},
        },
        "backup": {
            "targets": {
                name: {
                    "age_seconds": 3600.0,
                    "known_seconds": 90 * 86_400.0,
                    "error": "",
                    "passing": False,
                    "tries": 0,
                    "care_error": "",
                }
                for name in ("local", "nas")
            },
            "elsewhere": True,
            "up_seconds": 30 * 86_400.0,
            "kit": True,
            "unproven": "",
            "drill_error": "",
            "tools": {"restic": True, "zstd": True},
        },
        "units": {
            "mediastack-keeper.service": {**unit, "MainPID": "77", "Release": "1.0.0+new"},
            "mediastack-notify.path": unit,
        },
        "daemon_settings": {
            "value": {
                "live-restore": True,
                "log-driver": "json-file",
                "log-opts": {"max-size": "10m", "max-file": "3"},
            },
            "error": "",
        },
        "machine": {
            "packages": {"docker.io": "installed", "other": "config-files"},
            "user": "mediastack",
            "group": "mediastack",
            "engine_older": False,
            "leftovers": [],
        },
        "secrets": {
            "/etc/mediastack/secrets": secret(0o700, directory=True),
            "/etc/mediastack/secrets/.salt-key": secret(0o400),
            "/etc/mediastack/secrets/qbittorrent": secret(0o700, directory=True),
            "/etc/mediastack/secrets/qbittorrent/password": secret(0o400, 1000),
            "/etc/mediastack/secrets/gluetun/auth.toml": secret(0o400),
            "/srv/mediastack/config/qbittorrent/qBittorrent.conf": secret(0o640, 1000),
        },
        "files": {
            "/opt/mediastack/bin/mediastack": {
                "kind": "file",
                "mode": 0o755,
                "uid": 0,
                "gid": 0,
                "sha256": "f" * 64,
            },
            "/data/media": {
                "kind": "directory",
                "mode": 0o775,
                "uid": 1000,
                "gid": 1000,
                "sha256": "",
            },
            "/etc/mediastack/gluetun.env": {
                "kind": "file",
                "mode": 0o644,
                "uid": 0,
                "gid": 0,
                "sha256": "",
            },
        },
        "data": {"present": True, "hardlink_error": ""},
        "disks": {
            "/opt/mediastack": {
                "free_bytes": 9 * 1024**3,
                "total_inodes": 1000,
                "free_inodes": 900,
            },
            # Some file systems (btrfs) count no inodes.
            "/data": {"free_bytes": 9 * 1024**3, "total_inodes": 0, "free_inodes": 0},
        },
        "clock": {"now": now, "synchronised": True, "newest": now - 5},
        "spool_oldest_seconds": 12.0,
    }
