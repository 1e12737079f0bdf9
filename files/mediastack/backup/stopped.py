"""A service is stopped for seconds, so that its files belong together while they are copied.

The stop is written into the journal before and crossed out when the service runs again, all under
the stack lock: killed at any line, the journal tells the keeper and the monitor that it was no wish
of the user's, and they start it. One that does not run is not started, and nobody starts it during
the copy. A frozen one cannot write either and stays frozen. What a killed backup has stopped, the
next one starts as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mediastack import acts, healing, intent, journal, lock
from mediastack.backup.trouble import BackupError
from mediastack.docker_client import LABEL, DockerError, NotReachable
from mediastack.docker_engine import Engine

ACTOR = "backup"
AT_WORK = ("running", "restarting")
LOCK_WAIT_SECONDS = 120.0
START_ATTEMPTS = 3
START_PAUSE_SECONDS = 1.0


def while_stopped(
    config: dict[str, Any], docker: Engine, service: str, work: Callable[[], None]
) -> float:
    """Do `work` while the service does not run; return for how many seconds it was stopped for it.

    It runs again afterwards if it did before, also when `work` raises, which is passed on; if it
    cannot be started, others go on trying. Raise BackupError ("busy", "docker").
    """
    wait = float(config.get("limits", {}).get("lock_wait_seconds", LOCK_WAIT_SECONDS))
    try:
        with lock.hold(ACTOR, f"a copy of {service}", wait_seconds=wait):
            if _runs(docker, service) or _was_left(docker, service):
                with healing.resting(docker, [service]):
                    return _stopped_and_started(config, docker, service, work)
            _copy(docker, service, work)
            return 0.0
    except lock.Busy as error:
        raise BackupError("busy", f"{service} cannot be stopped for its copy: {error}") from error
    except (DockerError, NotReachable) as error:
        raise BackupError("docker", f"{service}: {error}") from error


def _stopped_and_started(
    config: dict[str, Any], docker: Engine, service: str, work: Callable[[], None]
) -> float:
    journal.begin(ACTOR, "backup", [service])
    began, cause = time.monotonic(), ""
    try:
        docker.stop(service, acts.grace(config, service))
        if _runs(docker, service):
            raise BackupError("docker", f"{service} did not end")
        _copy(docker, service, work)
    except BaseException as error:
        cause = str(error) or type(error).__name__
        raise
    finally:
        outcome = "copy failed" if cause else "copied"
        if trouble := _start(docker, service):
            # The journal keeps the stop: others go on trying, and tell of it.
            outcome, cause = "start failed", f"{trouble}; {cause}".strip("; ")
        else:
            journal.forget([service])
        acts.record(ACTOR, service, outcome, started=began, cause=cause or "stopped for its copy")
    return time.monotonic() - began


def _copy(docker: Engine, service: str, work: Callable[[], None]) -> None:
    work()
    if _runs(docker, service):
        raise BackupError("docker", f"{service} was started by somebody during its copy")


def _start(docker: Engine, service: str) -> str:
    """Return why it could not be started, "" when it was."""
    for attempt in range(START_ATTEMPTS):
        try:
            docker.start(service)
            return ""
        except (DockerError, NotReachable) as error:
            cause = str(error)
        if attempt < START_ATTEMPTS - 1:
            time.sleep(START_PAUSE_SECONDS)
    return cause


def _runs(docker: Engine, service: str) -> bool:
    return _status(docker, service) in AT_WORK


def _was_left(docker: Engine, service: str) -> bool:
    """Whether it is stopped because a backup was killed."""
    ours = journal.entries().get(service, {}).get("actor") == ACTOR
    return ours and service not in intent.stopped() and _status(docker, service) == "exited"


def _status(docker: Engine, service: str) -> str:
    """Docker's word for it, "" without a container of ours."""
    found = docker.inspect(service)
    labels = (found or {}).get("Config", {}).get("Labels") or {}
    return str(found["State"]["Status"]) if found and labels.get(LABEL) == service else ""
