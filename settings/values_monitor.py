"""Single values of the [monitor] table that a range alone does not describe."""

from __future__ import annotations

LONGEST_SECONDS = 86400
SHORTEST_SECONDS = 60
PORTS = range(1024, 65536)


def restart_owner(value: int) -> int:
    """Return after how many seconds Gluetun is restarted, 0 for never."""
    if value != 0 and not SHORTEST_SECONDS <= value <= LONGEST_SECONDS:
        raise ValueError(
            f"is {value}, out of range; fix: 0 for never, else {SHORTEST_SECONDS} to "
            f"{LONGEST_SECONDS} (Gluetun mends its tunnel itself within a minute or two)"
        )
    return value


def metrics_port(value: int) -> int:
    """Return the port of the metrics, 0 for none; an account without rights has no low ones."""
    if value != 0 and value not in PORTS:
        raise ValueError(f"is {value}, no port it may open; fix: 0 for none, else 1024 to 65535")
    return value
