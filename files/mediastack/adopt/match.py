"""Which of their directories becomes which service's: by image, by name, or as the user says. Pure.

An image tells more than a name: `my-tv` of linuxserver/sonarr is Sonarr. Where two containers fit
one service nobody guesses, and what the user names goes before everything that was found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mediastack.adopt.house import Container, Refusal, Source

# Other images of the same program, which keep its state in the same way.
ALSO = {"pms-docker": "plex"}


class Asked(NamedTuple):
    """What the user said; `services` empty: whatever is found."""

    project: str = ""
    containers: Mapping[str, str] = {}
    directories: Mapping[str, str] = {}
    services: Sequence[str] = ()


def adoptable(config: Mapping[str, Any]) -> list[str]:
    """Return the services that have a state of their own; the tunnel's is made by the settings."""
    return [
        name
        for name, entry in config["services"].items()
        if entry.get("config") and entry.get("config_path") and not entry.get("owner")
    ]


def sources(
    config: Mapping[str, Any], containers: Sequence[Container], asked: Asked
) -> list[Source]:
    """Return where each service's state is to come from, in the configuration's order.

    Raise Refusal, with everything that is wrong.
    """
    known, problems = adoptable(config), []
    named = [*asked.services, *asked.containers, *asked.directories]
    for service in dict.fromkeys(named):
        if service not in known:
            problems.append(_unknown(config, service, known))
    for service in asked.containers.keys() & asked.directories.keys():
        problems.append(f"{service}: named by container and by directory; name one of them")
    if asked.project and all(one.project != asked.project for one in containers):
        there = sorted({one.project for one in containers if one.project})
        problems.append(f"no compose project {asked.project}; there are: {_listed(there)}")
    if problems:
        raise Refusal("\n".join(problems))
    found: dict[str, Source] = {}
    for service in known:
        try:
            if source := _source(config, containers, asked, service):
                found[service] = source
        except Refusal as refusal:
            problems.append(str(refusal))
    for service in asked.services:
        if service not in found and not any(one.startswith(f"{service}:") for one in problems):
            problems.append(
                f"{service}: no container of theirs fits; name it: --container {service}=NAME,"
                f" or --directory {service}=PATH"
            )
    if problems:
        raise Refusal("\n".join(problems))
    if not found:
        where = f"in the compose project {asked.project}" if asked.project else "here"
        raise Refusal(
            f"no container {where} fits a service; name one: --container SERVICE=NAME, or"
            " --directory SERVICE=PATH"
        )
    return list(found.values())


def fits(config: Mapping[str, Any], container: Container) -> str:
    """Return the service that a container is one of, "" for none."""
    known = adoptable(config)
    image = _last(container.image)
    image = ALSO.get(image, image)
    same = [one for one in known if image in (_last(config["services"][one]["image"]), one)]
    names = (container.name, container.composed)
    if len(same) == 1:
        return same[0]
    return next((one for one in names if one in (same or known)), "")


def _source(
    config: Mapping[str, Any], containers: Sequence[Container], asked: Asked, service: str
) -> Source | None:
    if service in asked.directories:
        return Source(service, asked.directories[service])
    if service in asked.containers:
        name = asked.containers[service]
        one = next((one for one in containers if one.name == name), None)
        if one is None:
            there = _listed([one.name for one in containers])
            raise Refusal(f"{service}: no container {name} of theirs; there are: {there}")
        return Source(service, _mount(config, service, one), one)
    chosen = asked.containers or asked.directories
    if asked.services and service not in asked.services or (chosen and not asked.services):
        return None
    fitting = [
        one
        for one in containers
        if (not asked.project or one.project == asked.project) and fits(config, one) == service
    ]
    if not fitting:
        return None
    if len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise Refusal(
            f"{service}: {len(fitting)} containers fit: {names}; name one:"
            f" --container {service}={fitting[0].name}"
        )
    return Source(service, _mount(config, service, fitting[0]), fitting[0])


def _mount(config: Mapping[str, Any], service: str, container: Container) -> str:
    place = os.path.normpath(config["services"][service]["config_path"])
    path = container.mounts.get(place, "")
    if not path:
        raise Refusal(
            f"{service}: the container {container.name} has nothing mounted at {place}; name the"
            f" directory: --directory {service}=PATH"
        )
    apart = [
        one
        for one in container.mounts
        if one.startswith(f"{place}/") and not _is_excluded(config, service, one[len(place) + 1 :])
    ]
    if apart:
        raise Refusal(
            f"{service}: the container {container.name} has further mounts below {place}"
            f" ({', '.join(sorted(apart))}); put it all into one directory (a copy will do) and"
            f" name that: --directory {service}=PATH"
        )
    return path


def _is_excluded(config: Mapping[str, Any], service: str, relative: str) -> bool:
    excluded = [one.strip("/") for one in config["services"][service].get("state_exclude", ())]
    return any(relative == one or relative.startswith(f"{one}/") for one in excluded)


def _unknown(config: Mapping[str, Any], service: str, known: Iterable[str]) -> str:
    if config["services"].get(service, {}).get("owner"):
        return f"{service}: has nothing to adopt: its settings make it what it is"
    if service in config["services"]:
        return f"{service}: has no state that could be adopted"
    return (
        f"{service}: no service of this host; there are: {_listed(known)}. One that is switched off"
        f" needs services.{service}.enabled = true and a deploy first"
    )


def _last(image: str) -> str:
    """The last part of an image's repository: `sonarr` of "lscr.io/linuxserver/sonarr:4@sha…"."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
