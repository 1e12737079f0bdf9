"""10,000 messages in the spool against none, in turns: what one more costs, and all of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from checks.framework import Context
from mediastack import notify, notify_sender
from mediastack.healer.protocol import Request
from mediastack.healer.tell import Teller
from mediastack.notify_sender import Result

MANY = 10_000
# What is wrong with many is wrong with fewer, and takes no minutes then.
MANY_WITH_FAULT = 3_000
ROUNDS = 150
# One call is a few files and their syncs; so much more with 10,000 waiting is a walk through them.
MORE_AT_MOST = 1.5
MORE_SECONDS = 0.0005
DRAIN_MORE_SECONDS = 0.0003


def crowd(context: Context) -> None:
    """10,000 messages in the spool: saying one more, telling of a cascade, and sending them all."""
    with memory() as directory, contextlib.ExitStack() as planted:
        full, empty = directory / "full", directory / "empty"
        count = MANY_WITH_FAULT if context.break_name else MANY
        fill(full, count)
        planted.enter_context(context.planted())
        sayings = in_turns(
            lambda spool: notify.send("gluetun", "t", "m", key="k", spool=str(spool)), full, empty
        )
        tellings = in_turns(telling(directory), full, empty)
        for name, (crowded, alone) in {"send": sayings, "tell": tellings}.items():
            context.figure(f"{name}_ms_empty", alone * 1000)
            context.figure(f"{name}_ms_{count}", crowded * 1000)
            if crowded > alone * MORE_AT_MOST + MORE_SECONDS:
                context.violation(
                    f"{name} takes {crowded * 1000:.2f} ms with {count} messages in the spool and"
                    f" {alone * 1000:.2f} ms with none"
                )
        waiting = len(os.listdir(full / "new"))
        few = drained(directory / "few", count // 10)
        all_ = drained(full, 0)
        context.figure(f"drain_ms_each_{count // 10}", few * 1000)
        context.figure(f"drain_ms_each_{count}", all_ * 1000)
        if all_ > few * 2 + DRAIN_MORE_SECONDS:
            context.violation(
                f"the sender takes {all_ * 1000:.2f} ms for each of {count} messages and"
                f" {few * 1000:.2f} ms for each of {count // 10}"
            )
        context.control("all of them", waiting > 0 and not os.listdir(full / "new"))


def in_turns(act: Callable[[Path], None], *spools: Path) -> list[float]:
    """Seconds that it takes with each of these spools (the median), in turns: they share a disk."""
    times: dict[Path, list[float]] = {spool: [] for spool in spools}
    for _ in range(ROUNDS):
        for spool in spools:
            before = time.perf_counter()
            act(spool)
            times[spool].append(time.perf_counter() - before)
    return [sorted(times[spool])[ROUNDS // 2] for spool in spools]


def telling(directory: Path) -> Callable[[Path], None]:
    """What the healer does when the monitor says that a cascade has begun."""
    tellers = {name: Teller(str(directory / f"told-{name}.json")) for name in ("full", "empty")}
    numbers = iter(range(10**6))

    def tell(spool: Path) -> None:
        teller = tellers[spool.name]
        # Its limit of messages in a minute is not what is measured.
        teller._moments.clear()
        os.environ["MEDIASTACK_CONFIG"] = str(config_of(directory, spool))
        fields = {"services": ["sonarr", "radarr"], "cause": "restarted"}
        teller.tell(Request("tell", number=next(numbers), kind="episode_opened", fields=fields))

    return tell


def config_of(directory: Path, spool: Path) -> Path:
    """A configuration whose messages go into this spool."""
    state = directory / f"state-{spool.name}"
    path = directory / f"{spool.name}.toml"
    if not path.exists():
        state.mkdir()
        (state / "spool").symlink_to(spool)
        text = f'schema = 1\n[paths]\nstate = "{state}"\nruntime = "{state}"\netc = "{state}"\n'
        path.write_text(text)
    return path


def fill(spool: Path, count: int) -> None:
    """So many messages, of a hundred subjects, half of them storms of their own."""
    notify.make_directories(str(spool))
    for number in range(count):
        key = f"k{number}" if number % 2 else ""
        notify.send(f"s{number % 100}", "t", f"#{number}#", key=key, spool=str(spool))


def drained(spool: Path, count: int) -> float:
    """Seconds for each message of a spool that is filled up by `count` and then sent."""
    fill(spool, count)
    waiting = sum(1 for _ in (spool / "new").iterdir())
    before = time.perf_counter()
    notify_sender.drain(str(spool), lambda _: Result("ok"))
    return (time.perf_counter() - before) / waiting


@contextlib.contextmanager
def memory() -> Iterator[Path]:
    """A directory in memory, where there is one: what is measured is not somebody's disk."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
    before = os.environ.get("MEDIASTACK_CONFIG")
    with tempfile.TemporaryDirectory(dir=place) as path:
        try:
            yield Path(path)
        finally:
            if before is None:
                os.environ.pop("MEDIASTACK_CONFIG", None)
            else:
                os.environ["MEDIASTACK_CONFIG"] = before
