"""A house for tests of the wall's keeper: nft on paper, a configuration below tmp_path."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediastack import config as configuration
from mediastack import nft

TOML = """
schema = 1
[services.gluetun]
owner = true
config = "{state}/gluetun"
[services.seerr]
[stacks.downloads]
[vpn]
provider = "{provider}"
endpoints = [{{address = "", port = {port}}}]
[wall]
subnets = ["172.30.0.0/24"]
owner_addresses = ["172.30.0.10"]
egress_addresses = []
outbound_subnets = []
[paths]
state = "{state}"
"""


class Kernel:
    """A packet filter that holds one table, or refuses."""

    def __init__(self) -> None:
        self.table: dict[str, Any] | None = None
        self.refuses = ""
        self.forgets = False
        self.loads = 0

    def listed(self, family: str, table: str) -> dict[str, Any] | None:
        assert (family, table) == ("inet", "mediastack_wall")
        if self.refuses:
            raise nft.NftError(self.refuses)
        return copy.deepcopy(self.table)

    def generation(self) -> int:
        """Another number for another table, whoever changed it."""
        return zlib.crc32(json.dumps(self.table).encode())

    def load(self, ruleset: dict[str, Any]) -> None:
        if self.refuses:
            raise nft.NftError(self.refuses)
        self.loads += 1
        added = [one["add"] for one in ruleset["nftables"] if "add" in one]
        objects = copy.deepcopy([one for one in added if "table" not in one])
        self.table = {"nftables": objects[: len(objects) // 2] if self.forgets else objects}


def a_kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """In place of nft."""
    made = Kernel()
    monkeypatch.setattr(nft, "listed", made.listed)
    monkeypatch.setattr(nft, "load", made.load)
    monkeypatch.setattr(nft, "generation", made.generation)
    return made


def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what writes mediastack.toml anew, as a deploy does."""
    path = tmp_path / "mediastack.toml"
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(path))
    # Where ledger and spool are while the configuration cannot be read.
    monkeypatch.setitem(configuration.DEFAULT_PATHS, "state", str(tmp_path))

    def written(port: int = 51820, text: str = TOML, provider: str = "protonvpn") -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(text.format(port=port, state=tmp_path, provider=provider))
        fresh.rename(path)

    return written


def elements(kernel: Kernel, name: str) -> list[Any]:
    """The elements of a set."""
    assert kernel.table is not None
    sets = [one["set"] for one in kernel.table["nftables"] if "set" in one]
    found: list[Any] = next(one.get("elem", []) for one in sets if one["name"] == name)
    return found


def ports(kernel: Kernel) -> list[int]:
    """The elements of endpoint_ports."""
    return elements(kernel, "endpoint_ports")


def outcomes(folder: Path) -> list[str]:
    path = folder / "ledger.jsonl"
    return [json.loads(one)["outcome"] for one in path.read_text().splitlines()]


def messages(folder: Path) -> list[str]:
    return [json.loads(one.read_text())["title"] for one in sorted(folder.glob("spool/new/*"))]
