"""Autoheal's restarts, in the ledger and on the user's phone: what the keeper does at each pass.

Autoheal itself tells nobody (its webhook is lost when nobody listens, and cannot log in). So its
log is read from where the last pass stopped, and autoheal_step decides. It changes no container
and needs no lock, so it goes on while others work. The message goes out first, then the ledger
entry, then autoheal.json: a kill in between repeats a message at worst, never an entry.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from mediastack import atomic, autoheal_step, ledger, notify
from mediastack import config as configuration
from mediastack.docker_client import LABEL, Docker, DockerError, NotReachable
from mediastack.user_stops import docker_seconds

ACTOR = "autoheal"
SERVICE = "autoheal"
ENTRIES_COMPARED = 50


def watch(config: Mapping[str, Any], docker: Docker, now: float) -> None:
    """Record and tell what Autoheal has done since the last pass (`now`: seconds since the epoch).

    Raise nothing: without an answer from Docker or a disk to write to, the next pass does it.
    """
    if SERVICE not in config["services"]:
        return
    try:
        before = atomic.read_json(path(), {})
        state = before or autoheal_step.initial_state(now)
        observed = look(config, docker, state)
        events, after = autoheal_step.step(observed, state, now)
        for event in events:
            _carry_out(event)
        if after != before:
            atomic.write_json(path(), after)
    except (NotReachable, DockerError, OSError) as error:
        print(f"mediastack {ACTOR}: {error}", file=sys.stderr)


def look(
    config: Mapping[str, Any], docker: Docker, state: Mapping[str, Any]
) -> autoheal_step.Observed:
    """Return what there is to know of restarts since the state's cursor. Raise NotReachable."""
    lines = autoheal_step.lines(docker.logs(SERVICE, state["cursor"]))
    new = [line for line in lines if line["at"] > state["cursor"]]
    containers: dict[str, autoheal_step.Seen | None] = {}
    for short in {one["container"] for one in (*new, *state["pending"])}:
        found = docker.inspect(short)
        containers[short] = _seen(found)
        for line in new:
            # By its label: a container that is being replaced has another name for a moment.
            if found is not None and line["container"] == short:
                labels = found["Config"].get("Labels") or {}
                line["service"] = labels.get(LABEL) or line["service"]
    concerned = {one["service"] for one in (*new, *state["pending"])} - {""}
    return {
        "lines": new,
        "containers": containers,
        "services": {
            service: _seen(docker.inspect(service))
            for service, record in state["services"].items()
            if record["told"]
        },
        "recorded": {key for service in concerned for key in _recorded(service)},
        "group": {
            name
            for name, entry in config["services"].items()
            if entry.get("zone") == "vpn" or entry.get("owner")
        },
    }


def path() -> str:
    """Return where this house keeps what was read and counted."""
    return os.path.join(configuration.paths()["state"], "autoheal.json")


def _carry_out(event: autoheal_step.Event) -> None:
    service = event["service"]
    if message := event["message"]:
        notify.send(
            service,
            message["title"],
            message["message"],
            priority=message["priority"],
            key=message["title"],
        )
    if entry := event["entry"]:
        ledger.append(ACTOR, service, **entry)


def _recorded(service: str) -> set[tuple[str, str]]:
    entries = ledger.read(ENTRIES_COMPARED, service)
    details = [entry.get("details") for entry in entries if entry.get("actor") == ACTOR]
    return {(str(one.get("at")), str(one.get("container"))) for one in details if one}


def _seen(inspected: Mapping[str, Any] | None) -> autoheal_step.Seen | None:
    if inspected is None:
        return None
    state = inspected["State"]
    return {
        "running": state["Status"] == "running",
        "started": docker_seconds(state.get("StartedAt", "")) or 0.0,
        "health": (state.get("Health") or {}).get("Status", "none"),
    }
