"""docker compose up in virtual time: it makes a replacement under a temporary name, stops the old
container, removes it, renames, starts; and it can be killed between any two of these."""

from __future__ import annotations

from checks.monitor_containers import Container, Steps, together
from checks.monitor_docker import Engine
from mediastack.docker_client import DockerError


def up(engine: Engine, services: list[str], by: str) -> Steps:
    """docker compose up -d --force-recreate --no-deps, step by step. Raise DockerError."""
    made: list[Container] = []
    for service in services:
        yield engine.spread(0.01, 0.06)
        old = engine.get(service)
        name = service if old is None else f"{old.id}_{service}"
        stale = engine.get(name)
        if stale is not None:
            engine.remove(stale)
        made.append(engine.create(service, name))
    olds = [old for service in services if (old := engine.get(service)) and old not in made]
    yield from together([engine.stop(old, by_hand=False) for old in olds])
    for new in made:
        yield engine.spread(0.005, 0.03)
        engine.require()
        old = engine.get(new.service)
        if old is not None and old is not new:
            engine.remove(old)
            yield engine.spread(0.001, 0.01)
            engine.rename(new, new.service)
    problems = []
    for new in made:
        yield engine.spread(0.02, 0.1)
        try:
            engine.start(new, by)
        except DockerError as error:
            problems.append(str(error))
    if problems:
        raise DockerError("; ".join(problems))
