"""Gluetun's list of servers on disk, as v3.41 keeps it: merged at start, written before connecting.

`/gluetun/servers.json` has every provider. Of one provider the younger list wins, whole, except for
servers marked `keep` in the file; a list of another version is discarded, and one that is no JSON
ends the program. Written in place, and only when it is another than before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import gluetun_servers
from .gluetun_servers import Server
from .gluetun_system import log

FILE = Path("/gluetun/servers.json")


class StorageError(Exception):
    """What upstream does not start with."""


def built_in() -> dict[str, Any]:
    """The list of the image, as it stands in a file."""
    return {
        key: {**value, "servers": [gluetun_servers.to_json(one) for one in value["servers"]]}
        if isinstance(value, dict)
        else value
        for key, value in gluetun_servers.BUILT_IN.items()
    }


def synced(path: Path, provider: str) -> tuple[Server, ...]:
    """The servers of a provider after both lists were merged and, if that is news, written.

    Raise StorageError with upstream's words for a file that cannot be read.
    """
    own, found = built_in(), _read(path)
    merged = {
        key: _merged(value, found.get(key), key) if isinstance(value, dict) else value
        for key, value in own.items()
    }
    if merged != found:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            log("storage", f"failed writing servers to file: {error}", "WARN")
    servers = merged.get(provider, {}).get("servers", [])
    return tuple(gluetun_servers.from_json(one) for one in servers)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StorageError(f"reading servers from file: decoding servers: {error}") from error
    if not isinstance(found, dict):
        raise StorageError("reading servers from file: decoding servers: no object")
    return found


def _merged(own: Mapping[str, Any], found: Any, provider: str) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("version") != own["version"]:
        return dict(own)
    if own["timestamp"] < found.get("timestamp", 0) <= time.time():
        log("storage", f"Using {provider} servers from file which are more recent")
        return found
    kept = {_key(one): one for one in found.get("servers", []) if one.get("keep")}
    servers = [kept.pop(_key(one), one) for one in own["servers"]]
    return {**own, "servers": [*servers, *kept.values()]}


def _key(entry: Mapping[str, Any]) -> str:
    protocols = "-".join(one for one in ("tcp", "udp") if entry.get(one))
    return f"{entry.get('vpn', '')}-{protocols}-{entry.get('hostname', '')}"
