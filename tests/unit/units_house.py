"""Units as systemd shows them, and a systemctl that writes down what it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import units

GOOD = {
    "Id": "mediastack-keeper.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "NeedDaemonReload": "no",
    "MainPID": "0",
}
SPEC = {
    "units": [
        {"name": "mediastack-keeper.service", "kind": "service"},
        {"name": "mediastack-doctor.timer", "kind": "timer"},
    ],
    "helpers": ["mediastack-doctor.service"],
    "release": "0.1.0+new",
}
TIMER = {**GOOD, "Id": "mediastack-doctor.timer"}
HELPER = {**GOOD, "Id": "mediastack-doctor.service", "UnitFileState": "static"}
HELPER |= {"ActiveState": "inactive"}


def text(*blocks: dict[str, str]) -> str:
    """As systemctl prints it: a block a unit, a blank line between."""
    return "\n\n".join("\n".join(f"{k}={v}" for k, v in block.items()) for block in blocks) + "\n"


class Systemctl:
    """systemctl, with a fixed answer to `show` and everything else written down."""

    def __init__(self, shown: str) -> None:
        self.shown, self.calls = shown, list[list[str]]()

    def run(self, command: list[str], **_: Any) -> Any:
        if command[:2] == ["systemctl", "show"]:
            return SimpleNamespace(stdout=self.shown, returncode=0)
        self.calls.append(command[1:])
        return SimpleNamespace(stdout="", returncode=0)


def systemd(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Systemctl]:
    """Let remote.units find its units in this directory, and a systemctl that shows the blocks."""
    monkeypatch.setattr(units, "UNIT_DIRECTORY", str(directory))

    def with_blocks(*blocks: dict[str, str]) -> Systemctl:
        made = Systemctl(text(*blocks))
        monkeypatch.setattr(units, "subprocess", SimpleNamespace(run=made.run))
        return made

    return with_blocks
