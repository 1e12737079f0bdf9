"""What happens to Gluetun's group, and what else goes wrong meanwhile: seeded, all kinds of it.

A schedule is a hit, the pauses in it, and perhaps a complication that strikes while the hit is
still being recovered from. The pauses count from the hit: how fast Docker is moves them, which no
seed can help.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from checks import box, runtime
from checks.box import Host
from checks.leak_operations import COMPOSE
from checks.monitor_seen import OWNER, dependents

MONITOR, HEALER = "mediastack-monitor.service", "mediastack-healer.service"
SECOND = "0.1f"
# How often in a round of twenty; each once, before any comes again.
HITS = {"restart": 4, "recreate": 4, "kill": 3, "remove": 3, "stop": 2, "pause": 2, "flap": 1,
        "dockerd": 1, "reboot": 1}  # fmt: skip
COMPLICATIONS = {"none": 8, "monitor-killed": 4, "healer-killed": 3, "user-stopped": 3,
                 "stubborn": 2}  # fmt: skip
# A stop by the user is told apart from one of ours, and from Gluetun's end, a second later.
SETTLED_SECONDS = 3.0
# Until then a stop may be one that dockerd made itself when it started.
DOCKERD_SETTLED = (
    "until test $(($(date +%s) - $(stat --format %Y /run/docker.pid))) -gt 21; do sleep 0.5; done"
)
# What ends at SIGTERM gets as long as this; what does not, its whole grace.
SHORT_GRACE_SECONDS = 10
# How long a dependent may run stranded: it is noticed at once, and Docker stops nine side by side,
# which takes a busy box its time. With Gluetun away for a while, and the time until it is healthy,
# it would be longer than that without a stop.
STRANDED_SECONDS, AWAY_SECONDS = 5.0, 4.0
# What comes on top of it: a service that has to be started again, a Docker that is away.
EXTRA_SECONDS = {"monitor-killed": 4.0, "healer-killed": 4.0, "stubborn": SHORT_GRACE_SECONDS + 2.0}
EXTRA_OF_HIT = {"dockerd": 6.0, "flap": 2.0}


@dataclass(frozen=True)
class Schedule:
    """One hit; `pauses` are its own, `after` is when the complication strikes (seconds)."""

    hit: str
    complication: str
    pauses: tuple[float, ...]
    after: float
    service: str

    def __str__(self) -> str:
        more = "" if self.complication == "none" else f", {self.complication}"
        more += f" {self.service}" if self.complication in ("user-stopped", "stubborn") else ""
        return f"{self.hit}{more} (+{self.after:.1f} s)"

    @property
    def stranded_seconds(self) -> float:
        """The bound for a stretch."""
        extra = EXTRA_SECONDS.get(self.complication, 0.0) + EXTRA_OF_HIT.get(self.hit, 0.0)
        return STRANDED_SECONDS + extra

    @property
    def is_plain(self) -> bool:
        """Whether nothing was in the way of a quick decision: no end of ours or of Docker, and no
        act still under way for what happened before."""
        disturbed = self.complication in ("monitor-killed", "healer-killed")
        return not disturbed and self.hit not in ("dockerd", "reboot", "flap")


def sequence(choices: random.Random, count: int, reboots: bool = True) -> list[Schedule]:
    """`count` schedules; the first three are plain ones of the most telling kinds."""
    found = [
        made(choices, "restart", "none"),
        made(choices, "stop", "user-stopped"),
        made(choices, "recreate", "none"),
    ]
    while len(found) < count:
        more = shuffled(choices, COMPLICATIONS)
        for hit in shuffled(choices, HITS):
            # A machine that goes down takes both programs along.
            found.append(made(choices, hit, "none" if hit == "reboot" else more.pop(0)))
    return [one for one in found if reboots or one.hit != "reboot"][:count]


def shuffled(choices: random.Random, weights: dict[str, int]) -> list[str]:
    """Each as often as its weight, in any order, but each once first."""
    once = choices.sample(sorted(weights), len(weights))
    again = [name for name, weight in weights.items() for _ in range(weight - 1)]
    choices.shuffle(again)
    return once + again


def made(choices: random.Random, hit: str, complication: str) -> Schedule:
    """One schedule of this kind."""
    return Schedule(
        hit,
        complication,
        tuple(choices.uniform(0.3, 3.0) for _ in range(3)),
        choices.uniform(0.1, 2.5),
        choices.choice(quick() if complication == "stubborn" else dependents()),
    )


def quick() -> list[str]:
    """Those whose grace is over soon."""
    known = runtime.services()
    return [name for name in dependents() if known[name].stop_grace <= SHORT_GRACE_SECONDS]


def perform(host: Host, schedule: Schedule) -> None:
    """Hit, with its complication; return when the hit is taken back."""
    service = schedule.service
    if schedule.complication == "user-stopped":
        stop = f"docker stop {service} >/dev/null; sleep {SETTLED_SECONDS}"
        box.run(host, f"{DOCKERD_SETTLED}; {stop}")
    if schedule.complication == "stubborn":
        # A process that is stopped heeds no SIGTERM: it takes Docker all of its grace.
        box.run(host, f"kill -STOP $(docker inspect --format '{{{{.State.Pid}}}}' {service})")
    if schedule.hit == "reboot":
        box.reboot(host, hard=schedule.pauses[0] < 1.5)
        return
    strike = STRIKES.get(schedule.complication, "")
    later = f"(sleep {schedule.after:{SECOND}}; {strike}) & " if strike else ""
    box.run(host, f"{later}{command(schedule)}; wait")


STRIKES = {
    "monitor-killed": f"systemctl kill --signal KILL {MONITOR}",
    "healer-killed": f"systemctl kill --signal KILL {HEALER}",
}


def command(schedule: Schedule) -> str:
    """The hit as a shell command."""
    first, second, third = (f"sleep {pause:{SECOND}}" for pause in schedule.pauses)
    longer = f"sleep {AWAY_SECONDS + schedule.pauses[0]:{SECOND}}"
    restart = f"docker restart --time 2 {OWNER}"
    pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {OWNER})"
    return {
        "restart": restart,
        # As a user does it: without the lock of ours.
        "recreate": f"{COMPOSE} up -d --no-deps --force-recreate --pull never {OWNER}",
        "kill": f"kill -KILL {pid}",
        "remove": f"docker rm --force {OWNER}",
        # At least as long as would be too long to be left where one is.
        "stop": f"docker stop --time 2 {OWNER}; {longer}; docker start {OWNER}",
        "pause": f"docker pause {OWNER}; {second}; docker unpause {OWNER}",
        "flap": f"{restart}; {first}; {restart}; {second}; {restart}; {third}",
        "dockerd": "systemctl reset-failed docker; systemctl restart docker",
    }[schedule.hit]


def back(host: Host, schedule: Schedule) -> None:
    """The user wants again what they stopped."""
    if schedule.complication == "user-stopped":
        box.run(host, f"stack-manage.sh downloads up {schedule.service}", check=False)
