"""Every secret of the box, and every form in which it could be hiding in a text.

A secret is looked for as it is, in hex, URL-encoded, with escaped slashes, and in base64 at any
offset (so also inside "user:password" of a login). Values are held in memory only and are never
shown: what is reported is the name.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from checks import box
from checks.box import Host

DIRECTORY = "/etc/mediastack/secrets"
SALT = ".salt-key"
# Shorter pieces would be found by chance.
SHORTEST = 10


@dataclass(frozen=True)
class Canaries:
    """`forms`: text to look for -> name of the secret; `owners`: name -> who may hold it."""

    forms: dict[str, str]
    owners: dict[str, list[str]]

    def found_in(self, text: str) -> set[str]:
        """The names of the secrets that occur in a text."""
        return {name for form, name in self.forms.items() if form in text}


def forms(value: str) -> set[str]:
    """The ways in which a value may be written."""
    raw = value.encode()
    found = {value, raw.hex(), raw.hex().upper(), quote(value, safe=""), value.replace("/", "\\/")}
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        # Only the characters that nothing but the value decides.
        whole = (offset + len(raw)) * 8 // 6
        piece = base64.b64encode(b"x" * offset + raw).decode()[skipped:whole]
        found |= {piece, piece.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= SHORTEST}


def collect(values: Iterable[tuple[str, str, str]]) -> Canaries:
    """Canaries of (service, name, value); equal values (copies) are one secret with more owners."""
    names: dict[str, str] = {}
    owners: dict[str, list[str]] = {}
    for service, name, value in values:
        first = names.setdefault(value, f"{service}/{name}")
        owners.setdefault(first, []).append(service)
    return Canaries({form: name for value, name in names.items() for form in forms(value)}, owners)


def read(host: Host) -> Canaries:
    """The secrets that exist in the box now, read by root."""
    configuration = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))
    listed = [(one["service"], one["name"]) for one in configuration["secrets"]]
    paths = [f"{DIRECTORY}/{service}/{name}" for service, name in listed]
    values = box.inside(host, "read", paths=[*paths, f"{DIRECTORY}/{SALT}"])
    every = zip([*listed, ("", SALT)], values, strict=True)
    return collect((service, name, value) for (service, name), value in every if value)
