"""Which of the user's secrets were replaced on this host, so that no deploy brings the old back.

A deploy hands over what is in secrets.toml on another machine, and that knows nothing of a key that
was rotated here. So the replaced value is remembered, as an HMAC under a salt of its own and never
as itself, and a deploy that brings exactly that value is refused with what to do. A value that is
neither the old nor the present one is a new wish, and taken.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from typing import Any

from mediastack import atomic, clock

KEEP = 10


def remember(config: Mapping[str, Any], name: str, old: str, new: str) -> None:
    """Note that `old` was replaced by `new`, which is a wish again if it was replaced before."""
    path = _path(config)
    with atomic.exclusive(path):
        record = atomic.read_json(path, {})
        salt = record.setdefault("salt", secrets.token_hex(32))
        fresh = [
            one
            for one in record.get("replaced", [])
            if (one["secret"], one["mark"])
            not in ((name, _mark(salt, old)), (name, _mark(salt, new)))
        ]
        entry = {"secret": name, "mark": _mark(salt, old), "time": clock.timestamp()}
        record["replaced"] = [*fresh, entry][-KEEP:]
        atomic.write_json(path, record, mode=0o600)


def refusal(config: Mapping[str, Any], name: str, value: str) -> str:
    """Return why a deploy must not bring this value, "" when it may."""
    if not config.get("paths", {}).get("state"):
        return ""
    record = atomic.read_json(_path(config), {})
    for entry in record.get("replaced", []):
        if entry["secret"] == name and hmac.compare_digest(
            entry["mark"], _mark(record["salt"], value)
        ):
            toml = name.replace("/", "] ")
            return (
                f"secret {name} was replaced on this host ({entry['time'][:16]}), and the deploy "
                f"still brings the old one; put the new one into secrets.toml ([{toml})"
            )
    return ""


def _mark(salt: str, value: str) -> str:
    return hmac.new(salt.encode(), value.strip().encode(), hashlib.sha256).hexdigest()


def _path(config: Mapping[str, Any]) -> str:
    return os.path.join(config["paths"]["state"], "rotated.json")
