"""Autoheal: its loop in small form. Restarts what is unhealthy and labelled, with no back-off.

It knows nothing of dependencies and keeps on for ever, as upstream does.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from urllib.parse import quote

from . import application, control, docker_api


def main(_arguments: list[str]) -> int:
    """Loop until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    address = application.setting("DOCKER_SOCK", "/var/run/docker.sock")
    if not address.startswith("tcp://"):
        raise SystemExit(f"DOCKER_SOCK={address}: this stand-in speaks tcp:// only")
    interval = float(application.setting("AUTOHEAL_INTERVAL", "5"))
    control.at_start()
    time.sleep(float(application.setting("AUTOHEAL_START_PERIOD", "0")))
    while True:
        try:
            heal_once(address)
        except docker_api.DockerError as error:
            print(f"autoheal: {error}", file=sys.stderr)
        time.sleep(interval)


def heal_once(address: str) -> None:
    """Restart every unhealthy container that carries the label. Raises DockerError."""
    label = application.setting("AUTOHEAL_CONTAINER_LABEL", "autoheal")
    filters = {"health": ["unhealthy"]}
    if label != "all":
        filters["label"] = [f"{label}=true"]
    # Without `all`, as upstream: Docker calls what was stopped unhealthy, too.
    query = f"/containers/json?filters={quote(json.dumps(filters))}"
    for entry in docker_api.request(address, "GET", query):
        labels = entry.get("Labels") or {}
        if labels.get("autoheal", "").lower() == "false" or entry.get("State") == "restarting":
            continue
        fallback = application.setting("AUTOHEAL_DEFAULT_STOP_TIMEOUT", "10")
        grace = labels.get("autoheal.stop.timeout", fallback)
        name = (entry.get("Names") or ["?"])[0].lstrip("/")
        # Upstream's words: the keeper reads them. The name has its slash, each line its date.
        short = entry["Id"][:12]
        date = time.strftime("%d-%m-%Y %H:%M:%S")
        print(
            f"{date} Container /{name} ({short}) found to be unhealthy"
            f" - Restarting container now with {grace}s timeout",
            flush=True,
        )
        try:
            docker_api.request(address, "POST", f"/containers/{entry['Id']}/restart?t={grace}")
        except docker_api.DockerError:
            print(f"{date} Restarting container {short} failed", file=sys.stderr, flush=True)
