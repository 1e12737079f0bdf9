"""A healer for long runs: a group that lives fast, on a unix socket, and gets into trouble by seed.

The containers are real processes (`sleep`), so that the watcher has something to hold a pidfd of;
all else is made up, in the words of the real protocol. Time goes `factor` times as fast as outside.
What it is asked to do it does; what happens in between is chosen from TROUBLES.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import subprocess
import threading
import time
from typing import Any

from group_data.all import monitor

OWNER = "gluetun"
DEPENDENTS = ("qbittorrent", "prowlarr", "flaresolverr", "sonarr", "radarr",
              "bazarr", "recyclarr", "cross-seed", "unpackerr")  # fmt: skip
READY_SECONDS, HEALTHY_SECONDS, STOP_SECONDS = 12.0, 6.0, 1.0
BLIND_SECONDS, DEAF_SECONDS, SICK_SECONDS = 60.0, 120.0, 200.0
STORM_EVENTS = 200
CALM_SECONDS = (60.0, 540.0)
# The defaults; the port of the metrics is nothing that a look says.
SETTINGS = {k: v for k, v in monitor.items() if k != "metrics_port"}


class Healer:
    """The group, those who listen, and a count of what was asked."""

    def __init__(self, path: str, factor: float, seed: int) -> None:
        self.factor, self.random = factor, random.Random(seed)
        self.guard = threading.RLock()
        self.asked: dict[str, int] = {}
        self.troubles: dict[str, int] = {}
        self.listeners: list[socket.socket] = []
        self.connections: list[socket.socket] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.blind = self.over = False
        self.number = 0
        self.services = {name: self._made(name) for name in (OWNER, *DEPENDENTS)}
        for name in self.services:
            self._start(name, told=False)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        for target in (self._accept, self._trouble):
            threading.Thread(target=target, daemon=True).start()

    def close(self) -> None:
        """End everything that it started."""
        self.over = True
        self.server.close()
        with self.guard:
            for process in self.processes.values():
                process.kill()
                process.wait()

    def sleep(self, seconds: float) -> None:
        """Let so many simulated seconds pass."""
        time.sleep(seconds / self.factor)

    def _made(self, name: str) -> dict[str, Any]:
        self.number += 1
        return {"id": f"{self.number:064x}", "name": name, "status": "created", "health": "none",
                "health_check": True, "netns": None, "network_mode": "bridge", "started_at": None,
                "finished_at": None, "exit_code": 0, "oom_killed": False, "restarts": 0,
                "error": "", "pid": 0, "wanted": True, "stopped_by_user": False}  # fmt: skip

    def _start(self, name: str, *, told: bool = True) -> None:
        owner, one = self.services[OWNER], self.services[name]
        self._end(name, told=False)
        self.processes[name] = process = subprocess.Popen(["sleep", "infinity"])
        self.number += 1
        one |= {"status": "running", "pid": process.pid, "started_at": time.time()}
        one["health"] = "starting" if told else "healthy"
        if name == OWNER:
            one["netns"] = 4026532000 + self.number
        else:
            one |= {"netns": owner["netns"], "network_mode": f"container:{owner['id']}"}
        if told:
            self.say("start", name)
            wait = READY_SECONDS if name == OWNER else HEALTHY_SECONDS
            timer = threading.Timer(wait / self.factor, self._healthy, [name, process.pid])
            timer.daemon = True
            timer.start()

    def _healthy(self, name: str, pid: int) -> None:
        with self.guard:
            if self.services[name]["pid"] == pid:
                self.services[name]["health"] = "healthy"
                self.say("health_status", name)

    def _end(self, name: str, *, told: bool = True) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()
        self.services[name] |= {"status": "exited", "pid": 0, "netns": None, "health": "none"}
        self.services[name]["finished_at"] = time.time()
        if told:
            self.say("kill", name)
            self.say("die", name)

    def say(self, event: str, name: str = "") -> None:
        """Tell all who listen."""
        about = {"service": name, "at": time.time()} if name else {}
        line = json.dumps({"event": event, **about}).encode() + b"\n"
        for one in list(self.listeners):
            try:
                one.sendall(line)
            except OSError:
                self.listeners.remove(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.connections = [one for one in self.connections if one.fileno() >= 0]
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                self.asked[request["do"]] = self.asked.get(request["do"], 0) + 1
                if request["do"] == "listen":
                    self.listeners.append(connection)
                    continue
                answer = self._answer(request)
                connection.sendall(json.dumps(answer).encode() + b"\n")
        connection.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.blind:
            return {"ok": False, "unknown": "Docker does not answer"}
        if request["do"] == "look":
            with self.guard:
                look = {"schema": 1, "owner": OWNER, "boot": "bench", "services": self.services,
                        "actions": [], "undecided": [], "busy": "", "data": True,
                        "firewall": True if request.get("firewall") else None,
                        "disk_free": 0.5, "settings": SETTINGS}  # fmt: skip
                return {"ok": True, "look": json.loads(json.dumps(look))}
        if request["do"] == "act":
            self.sleep(STOP_SECONDS)
            with self.guard:
                for name in request["services"]:
                    self._end(name)
                    if request["verb"] != "hold":
                        self._start(name)
            return {"ok": True, "failed": {}}
        return {"ok": True}

    def _trouble(self) -> None:
        self.sleep(CALM_SECONDS[0])
        while not self.over:
            kind = self.random.choice(sorted(TROUBLES))
            self.troubles[kind] = self.troubles.get(kind, 0) + 1
            TROUBLES[kind](self)
            self.sleep(self.random.uniform(*CALM_SECONDS))


def restart(healer: Healer) -> None:
    """Gluetun is restarted, or made anew."""
    with healer.guard:
        healer._end(OWNER)
        if healer.random.random() < 0.5:
            healer.services[OWNER] = healer._made(OWNER)
            healer.say("create", OWNER)
        healer._start(OWNER)


def dies(healer: Healer) -> None:
    """Gluetun ends, and Docker starts it again a moment later."""
    with healer.guard:
        healer._end(OWNER)
    healer.sleep(3)
    with healer.guard:
        healer._start(OWNER)


def dependent_dies(healer: Healer) -> None:
    """A dependent ends by itself."""
    with healer.guard:
        healer._end(healer.random.choice(DEPENDENTS))


def sick(healer: Healer) -> None:
    """A dependent is unhealthy for a while."""
    one = healer.services[healer.random.choice(DEPENDENTS)]
    one["health"] = "unhealthy"
    healer.say("health_status", one["name"])
    healer.sleep(SICK_SECONDS)
    if one["health"] == "unhealthy":
        one["health"] = "healthy"


def blind(healer: Healer) -> None:
    """Docker does not answer for a minute, and its events are cut."""
    healer.blind = True
    healer.say("cut")
    healer.sleep(BLIND_SECONDS)
    healer.blind = False
    healer.say("back")


def hangs_up(healer: Healer) -> None:
    """Every connection ends, in the middle of whatever there was."""
    for one in healer.connections:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def deaf(healer: Healer) -> None:
    """The stream of events is cut for two minutes."""
    healer.say("cut")
    healer.sleep(DEAF_SECONDS)
    healer.say("back")


def storm(healer: Healer) -> None:
    """Hundreds of events at once."""
    for _ in range(STORM_EVENTS):
        healer.say("health_status", healer.random.choice(DEPENDENTS))


TROUBLES = {
    "restart": restart,
    "dies": dies,
    "dependent-dies": dependent_dies,
    "sick": sick,
    "blind": blind,
    "hangs-up": hangs_up,
    "deaf": deaf,
    "storm": storm,
}
