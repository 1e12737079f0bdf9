"""A house before it adopts, in which nothing forbids it, and theirs as it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import adopt_house as house
import pytest

from mediastack import observe, plan
from mediastack.adopt import copy, in_use
from mediastack.adopt.house import Source


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A house below tmp_path with room, a gluetun that is well, and no file open."""
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 0)
    monkeypatch.setattr(plan, "owner_is_up", lambda *_: True)
    monkeypatch.setattr(in_use, "of", lambda paths, proc="/proc": set())
    return house.furnish(tmp_path, monkeypatch)


def on_paper(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    """Docker on paper; what is observed is what is on the paper."""
    made = house.PaperDocker(config)

    def seen(*_: Any, **__: Any) -> Any:
        return {"containers": [{"service": name, "name": name, "status": state}
                               for name, state in made.states.items()]}  # fmt: skip

    monkeypatch.setattr(observe, "observe", seen)
    return made


def source(top: Path, service: str, **changes: Any) -> Source:
    mounts = {house.PLACES[service]: str(top / service), **changes.pop("mounts", {})}
    return Source(service, str(top / service), house.a_container(service, mounts=mounts, **changes))
