"""What the door knows: who may knock where, whom a hint may be about, and its tokens.

All but the tokens comes from mediastack.toml and is read again when that changed. The tokens are
systemd's credentials, files that only this process sees: `webhook_token` for What's Up Docker,
`hook_<source>` for an application that can hold one. A source without is let in by its address
alone (Autoheal, which can hold none), or not at all.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from mediastack.door import auth

WUD = "wud"
PREFIX = "hook_"
# It can set no header, nor a password in its address: a query is as good, and not written down.
IN_THE_QUERY = ("cross-seed",)
BY_ADDRESS = ("autoheal",)
LONGEST_TOKEN = 4096
DEFAULT_PORT = 8195
DEFAULT_ACCOUNT = "mediastack-updater"
DEFAULT_INBOX = "/var/lib/mediastack/inbox"
PINNED = "pinned"


class Settings(NamedTuple):
    """`host`: the gateway, one of the addresses that the host itself asks from; `allowed`: the
    source address of each caller; `known`: whom a hint may be about."""

    subnet: ipaddress.IPv4Network
    host: str
    allowed: Mapping[str, str]
    known: frozenset[str]

    def inside(self, peer: str) -> bool:
        """Whether this address is on our bridge, or the host's own."""
        try:
            return self.is_host(peer) or ipaddress.ip_address(peer) in self.subnet
        except ValueError:
            return False

    def is_host(self, peer: str) -> bool:
        """Whether the host itself asks: from a loopback address (probes.door_answers), or from the
        gateway's where no masquerading rule takes that for a container's."""
        return peer == self.host or peer.startswith("127.")


def of(config: Mapping[str, Any]) -> Settings:
    """Return what mediastack.toml says. Raise ValueError when it names no subnet."""
    table = config.get("updates") or {}
    return Settings(
        ipaddress.IPv4Network(config["network"]["subnet"]),
        str(config["network"]["gateway"]),
        {str(name): str(address) for name, address in table.get("allowed", {}).items()},
        known(config),
    )


def known(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the services that a hint may be about: none where updates are off."""
    if not (config.get("updates") or {}).get("enabled", True):
        return frozenset()
    services = config["services"].items()
    return frozenset(name for name, one in services if one.get("updates") != PINNED)


def inbox(config: Mapping[str, Any]) -> str:
    """Return the directory of deliveries."""
    return str((config.get("updates") or {}).get("inbox") or DEFAULT_INBOX)


def account(config: Mapping[str, Any]) -> str:
    """Return whose deliveries they are."""
    return str((config.get("updates") or {}).get("account") or DEFAULT_ACCOUNT)


def tokens(directory: str) -> dict[str, bytes]:
    """Return {caller: digest of its token} of the credentials in a directory, as far as there are.

    Raise ValueError when one is there and empty: that must not pass for no token.
    """
    found = {}
    for name in sorted(os.listdir(directory)) if directory else []:
        caller = WUD if name == "webhook_token" else name.removeprefix(PREFIX)
        with open(os.path.join(directory, name), "rb") as stream:
            token = stream.read(LONGEST_TOKEN).strip()
        if not token:
            raise ValueError(f"the token {name} is empty; run the deploy to make it")
        found[caller] = auth.digest(token)
    return found
