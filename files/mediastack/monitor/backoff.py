"""Pauses between attempts: longer each time, up to a cap, and never for all at the same moment."""

from __future__ import annotations

import random


def pause(attempts: int, first: float, longest: float, seed: str) -> float:
    """Return the seconds to wait after so many attempts; the same for the same `seed`."""
    # The exponent is bounded for the sake of very long outages.
    seconds = min(first * 2.0 ** min(max(attempts - 1, 0), 16), longest)
    jitter = random.Random(f"{seed} {attempts}").uniform(0.8, 1.2)  # noqa: S311 - no secret
    return min(seconds * jitter, longest)
