"""What the settings of updates need from each other and from the services."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from settings.model import Parts, Updates
from settings.problems import Problem


def port(parts: Parts) -> Iterator[Problem]:
    """The door's port is free on the host."""
    table = parts.table(Updates)
    for service in parts.enabled() if table else ():
        shown = service.publish or service.zone == "host"
        published = (service.published_port, *(service.extra_ports if shown else ()))
        if table and table.port in published:
            yield Problem(
                "updates.port",
                f"is {table.port}, which {service.name} publishes",
                "a free port, like 18195",
            )


def deadlines(parts: Parts) -> Iterator[Problem]:
    """Nothing can be healthy for longer than it may take to become so."""
    table = parts.table(Updates)
    if table is None:
        return
    shortest = f"more than updates.stable_seconds ({table.stable_seconds})"
    if table.deadline_seconds <= table.stable_seconds:
        wrong = f"is {table.deadline_seconds}, and no version could pass in that time"
        yield Problem("updates.deadline_seconds", wrong, shortest)
    for service in parts.enabled():
        own = service.update_deadline
        if own is not None and own <= table.stable_seconds:
            wrong = f"is {own}, and no version could pass in that time"
            yield Problem(f"services.{service.name}.update_deadline", wrong, shortest)


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (port, deadlines)
