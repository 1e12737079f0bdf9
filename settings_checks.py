"""What follows from several settings together. (First part: more below soon.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from service import Service
from settings_problems import Problem


class Parts(NamedTuple):
    """The valid parts of the settings; a check that misses one stays silent."""

    sections: Mapping[str, BaseModel]
    services: Mapping[str, Service]
    broken: set[str]
    overrides: Mapping[str, Any]
    secrets: Mapping[str, SecretStr]
    secrets_file: str


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = ()
