"""Was all of it told, in order, no storm twice, no night disturbed? From what was said and what the
server took, and nothing else.
"""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from checks import notify_world
from checks.notify_world import Taken, World


def judge(world: World, ended: float, deadline: float) -> list[str]:
    """What was promised and not kept."""
    problems = [*_lost(world), *_order(world), *_storms(world), *_quiet(world)]
    if ended > deadline:
        problems.append(f"after {ended - deadline:.0f} s too many something still waits")
    return problems


def _lost(world: World) -> Iterator[str]:
    """Everything that was said was taken, by itself or counted; and nothing twice for no reason."""
    storms: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in world.said:
        storms[one.subject, one.key].append(one.number)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    excused: dict[tuple[str, str], int] = defaultdict(int)
    shown: set[int] = set()
    for message in world.taken:
        for number, count in message.parts:
            storm = (world.said[number].subject, world.said[number].key)
            taken[storm] += count
            excused[storm] += count if message.excused else 0
            shown.add(number)
            if f"#{number}#" not in message.text and "more" not in message.text:
                yield f"message {number} is counted and not in the text {message.text!r}"
    for storm, numbers in storms.items():
        missing = [number for number in (numbers if not storm[1] else numbers[-1:])
                   if number not in shown]  # fmt: skip
        if missing:
            yield f"lost of {storm}: {missing[:5]}"
        if taken[storm] < len(numbers):
            yield f"lost of {storm}: {len(numbers) - taken[storm]} of {len(numbers)} not counted"
        if taken[storm] > len(numbers) + excused[storm]:
            yield f"told twice of {storm}: {taken[storm]} for {len(numbers)}"


def _order(world: World) -> Iterator[str]:
    """What a subject says is taken in the order in which it was said."""
    last: dict[str, int] = defaultdict(lambda: -1)
    seen: set[int] = set()
    for one in world.taken:
        for number, _ in one.parts:
            if number in seen:
                continue
            seen.add(number)
            if number < last[one.subject]:
                yield f"order of {one.subject}: {number} came after {last[one.subject]}"
            last[one.subject] = max(last[one.subject], number)


def _storms(world: World) -> Iterator[str]:
    """A storm is one message within its window."""
    last: dict[tuple[str, str], Taken] = {}
    for one in world.taken:
        storm = (one.subject, one.key)
        before = last.get(storm)
        last[storm] = one
        if not one.key or before is None or before.excused:
            continue
        # A clock that was set moves the window with it.
        stepped = sum(abs(by) for when, by in world.steps if before.at <= when <= one.at)
        if one.at - before.at + stepped < notify_world.WINDOW_SECONDS - 1.0:
            yield f"storm {storm}: two messages within {one.at - before.at:.0f} s"


def _quiet(world: World) -> Iterator[str]:
    """In quiet hours only what is urgent comes, alone or with others."""
    if not world.quiet:
        return
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in world.quiet.split("-"))
    zone = zoneinfo.ZoneInfo(notify_world.ZONE)
    for one in world.taken:
        # From when it began to be delivered; the night may begin while a slow server takes it.
        moment = one.at - notify_world.SLOW_SECONDS
        stepped = sum(by for when, by in world.steps if when <= one.at)
        quiet = []
        for when in (moment, one.at):
            local = datetime.fromtimestamp(when + stepped, zone)
            minute = local.hour * 60 + local.minute
            quiet.append(begin <= minute or minute < end if begin > end else begin <= minute < end)
        urgent = any(world.said[number].priority >= notify_world.URGENT for number, _ in one.parts)
        # Of a storm the newest is shown and an earlier one may be what is urgent.
        urgent = urgent or one.priority >= notify_world.URGENT
        if all(quiet) and not urgent:
            yield f"{one.subject}: {one.parts} came in quiet hours"
