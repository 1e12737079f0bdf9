"""No /data, no writers: when the sentinel is lost, what mounts /data is stopped.

Otherwise downloads would fill the root disk below the empty mount point, and Plex and the *arrs
would see an empty library and clean up after it. "Unknown is not down": an error of the kernel
(ENOENT, ENOTCONN, ESTALE, EIO) is an answer, a time-out becomes one only after several in a row. A
container that holds another sentinel than the host's lives on an earlier mount and is stopped as
well. What is stopped here is written into guard.json before, so that it is not taken for the
user's doing; the keeper starts it when /data is back, and it is crossed out once it runs.
`step` is pure and level-triggered: killed anywhere, the next pass finds what is left to be done.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import atomic
from mediastack import config as configuration
from mediastack.sentinel import Probe

TIMEOUTS_BEFORE_LOSS = 3
ALIVE = ("running", "paused", "restarting")

Action = dict[str, Any]
State = dict[str, Any]


def initial_state() -> State:
    """Return what guard.json holds before anything ever happened."""
    return {"lost": False, "timeouts": 0, "error": "", "stopped": {}}


def step(
    probe: Probe,
    containers: Sequence[Mapping[str, Any]] | None,
    state: State,
    now: float,
    *,
    config: Mapping[str, Any],
) -> tuple[list[Action], State]:
    """Given what the sentinel probe found and the containers as observed (None: Docker did not
    answer), return what to do and the new state.

    Actions: {"do": "notify", "title", "message", "priority"} and {"do": "stop", "service",
    "container", "grace_seconds", "cause"}. Notify, then save the state, then stop: a kill in
    between repeats a message at worst.
    """
    state = {**initial_state(), **copy.deepcopy(state)}
    state["timeouts"] = 0 if probe["definite"] else state["timeouts"] + 1
    if not probe["definite"] and state["timeouts"] < TIMEOUTS_BEFORE_LOSS and not state["lost"]:
        return [], state
    writers = [
        container
        for container in containers or []
        if container["status"] in ALIVE
        and config["services"].get(container["service"], {}).get("data")
    ]
    if probe["present"]:
        return _present(writers, containers is not None, state, now, config)
    return _lost(probe["error"], writers, state, now, config)


def load() -> State:
    """Return the state of the last pass from guard.json."""
    return {**initial_state(), **atomic.read_json(default_path(), {})}


def save(state: State) -> None:
    """Write guard.json. Raise OSError."""
    atomic.write_json(default_path(), state)


def default_path() -> str:
    """Return where this house keeps the guard's state."""
    return os.path.join(configuration.paths()["state"], "guard.json")


def _lost(
    error: str,
    writers: Sequence[Mapping[str, Any]],
    state: State,
    now: float,
    config: Mapping[str, Any],
) -> tuple[list[Action], State]:
    actions: list[Action] = []
    if not state["lost"]:
        names = ", ".join(container["service"] for container in writers) or "nothing that runs"
        actions.append(
            {
                "do": "notify",
                "title": f"{config['paths']['data']} is gone",
                "message": f"{config['paths']['sentinel']}: {error}. Stopping what writes there: "
                f"{names}. Mount it again; everything then starts by itself.",
                "priority": 5,
                "outcome": "data lost",
                "cause": error,
            }
        )
    state |= {"lost": True, "error": error}
    return actions + _stop(writers, f"data lost: {error}", state, now, config), state


def _present(
    writers: Sequence[Mapping[str, Any]],
    docker_known: bool,
    state: State,
    now: float,
    config: Mapping[str, Any],
) -> tuple[list[Action], State]:
    actions: list[Action] = []
    if state["lost"]:
        names = ", ".join(sorted(state["stopped"])) or "nothing"
        actions.append(
            {
                "do": "notify",
                "title": f"{config['paths']['data']} is back",
                "message": f"Starting what was stopped: {names}.",
                "priority": 3,
                "outcome": "data back",
                "cause": "",
            }
        )
    state |= {"lost": False, "error": ""}
    elsewhere = [c for c in writers if _holds_another_sentinel(c, config)]
    if docker_known:
        # Running, on the right mount: no longer ours to explain.
        fine = {c["service"] for c in writers} - {c["service"] for c in elsewhere}
        state["stopped"] = {k: v for k, v in state["stopped"].items() if k not in fine}
    if elsewhere:
        names = ", ".join(container["service"] for container in elsewhere)
        actions.append(
            {
                "do": "notify",
                "title": f"{config['paths']['data']} was mounted anew",
                "message": f"Restarting what still holds the earlier mount: {names}.",
                "priority": 4,
                "outcome": "data mounted anew",
                "cause": "another sentinel inside than outside",
            }
        )
    cause = "holds an earlier mount of /data"
    return actions + _stop(elsewhere, cause, state, now, config), state


def _holds_another_sentinel(container: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Inside it is mounted somewhere else (/data may be there in part only), but by its name."""
    name = os.path.basename(config["paths"]["sentinel"])
    return any(os.path.basename(target) == name for target in container.get("stale_mounts", []))


def _stop(
    containers: Sequence[Mapping[str, Any]],
    cause: str,
    state: State,
    now: float,
    config: Mapping[str, Any],
) -> list[Action]:
    for container in containers:
        state["stopped"].setdefault(
            container["service"], {"at": now, "container": container["id"], "cause": cause}
        )
    return [
        {
            "do": "stop",
            "service": container["service"],
            "container": container["name"],
            "grace_seconds": config["services"][container["service"]]["stop_grace_seconds"],
            "cause": cause,
        }
        for container in containers
    ]
