"""Faults of a house, for the checks of the doctor: how they are said and planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import doctor_house as house

Fault = Callable[[dict[str, Any], dict[str, Any]], Any]
# check, subject, words of the problem, fault
Faults = list[tuple[str, str, str, Fault]]

SECRETS = "/etc/mediastack/secrets"


def put(*path: Any, value: Any) -> Fault:
    """A fault: the fact at this path gets another value."""

    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            facts = facts[key]
        facts[last] = value

    return plant


def of(service: str, **values: Any) -> Fault:
    """A fault: the observed container of a service shows other values."""
    return lambda _, facts: house.container(facts, service).update(values)


def drop(*path: Any) -> Fault:
    """A fault: the fact at this path is gone."""

    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            facts = facts[key]
        del facts[last]

    return plant


def no_container(service: str) -> Fault:
    def plant(_: dict[str, Any], facts: dict[str, Any]) -> None:
        facts["observation"]["containers"].remove(house.container(facts, service))

    return plant
