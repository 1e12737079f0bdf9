"""Does the time of a token check tell how much of a wrong token was right? Welch's t-test.

Two classes of wrong tokens, of which one shares no first character with the right token and the
other all but the last one. Every sample is one call of the function under test with a text of its
own, in random order, so that whatever else the machine does meets both alike. Interruptions are
cut off above thresholds that both classes share, several of them, and the worst t of all counts
(as dudect does: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017).
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Sequence

LIMIT = 4.5
# Shares of all samples that stay below the threshold.
KEPT = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
WARM_UP = 2000

Check = Callable[[str], object]


def wrong(token: str, shared: int, chance: random.Random) -> str:
    """A token that differs from `token` after `shared` characters, and is random after that."""
    other = [one for one in ALPHABET if one != token[shared]]
    rest = (chance.choice(ALPHABET) for _ in range(len(token) - shared - 1))
    return "".join((*token[:shared], chance.choice(other), *rest))


def measure(check: Check, token: str, samples: int, chance: random.Random) -> float:
    """Return the worst |t| between the two classes."""
    marked = [(number % 2, wrong(token, (len(token) - 1) * (number % 2), chance))
              for number in range(samples)]  # fmt: skip
    chance.shuffle(marked)
    # Made anew in this order: how they were made, and where they lie, is the same for both.
    given = [text.encode().decode() for _, text in marked]
    times = timed(check, given)
    classes = tuple(
        [taken for taken, (one, _) in zip(times, marked, strict=True) if one == which]
        for which in (0, 1)
    )
    ordered = sorted(times)
    limits = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in KEPT]
    return max(
        abs(welch(*([one for one in each if one <= limit] for each in classes))) for limit in limits
    )


def timed(check: Check, given: Sequence[str]) -> list[int]:
    """Nanoseconds of each call."""
    clock, times = time.perf_counter_ns, [0] * len(given)
    for text in given[:WARM_UP]:
        check(text)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number, text in enumerate(given):
            start = clock()
            check(text)
            times[number] = clock() - start
    finally:
        if collecting:
            gc.enable()
    return times


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Welch's t of two samples; 0 where there is nothing to compare."""
    if min(len(one), len(other)) < 2:
        return 0.0
    means = [sum(each) / len(each) for each in (one, other)]
    squares = [
        sum((value - mean) ** 2 for value in each) / (len(each) - 1) / len(each)
        for each, mean in zip((one, other), means, strict=True)
    ]
    return (means[0] - means[1]) / math.sqrt(sum(squares)) if sum(squares) else 0.0
