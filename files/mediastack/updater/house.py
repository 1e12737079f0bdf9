"""What a transaction needs of the world, as a type: the host (host.Host), or a simulated one.

Every method may be called again after a kill in its middle, and then ends the same. Each raises
Trouble when it cannot do its work; any other exception is a fault of ours.
"""

from __future__ import annotations

from typing import Protocol

from mediastack.updater import gate
from mediastack.updater.transaction import Transaction


class Trouble(Exception):
    """A step cannot be done. `kind`: "passing" (another day: a registry, a full disk, Docker
    away), "bad" (this digest is no good: another platform) or "gone" (the tag is not there)."""

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        super().__init__(why)


class House(Protocol):
    """One host, seen by one update."""

    def pull(self, tx: Transaction) -> None:
        """Have the new image whole, digest and platform verified; keep the old one from prunes."""

    def copy(self, tx: Transaction) -> None:
        """Copy the config while the service runs, so that the last copy is short."""

    def settle(self, tx: Transaction) -> None:
        """Stop the service and bring the copy up to date with it. Under the stack lock."""

    def switch(self, tx: Transaction) -> None:
        """Make the new image what is wanted, and the container from it. Under the stack lock."""

    def switched(self, tx: Transaction) -> bool:
        """Say whether a container of the new image was ever started for this service."""

    def look(self, tx: Transaction) -> gate.Seen:
        """See how the service does; on the way back, whether the old image does."""

    def limits(self, tx: Transaction) -> gate.Limits:
        """Return how long it has to be well, and may take to get there."""

    def commit(self, tx: Transaction) -> None:
        """Write the new image into the lock; the old one and the copy are kept for a rollback."""

    def give_back(self, tx: Transaction) -> None:
        """Before the switch: the old version runs again if it ran, and nothing is left over."""

    def back(self, tx: Transaction) -> None:
        """Stop the new container, and nothing starts it again. Under the stack lock."""

    def restore(self, tx: Transaction) -> None:
        """Make the config what the copy is. Under the stack lock."""

    def revive(self, tx: Transaction) -> None:
        """Make the old image what is wanted, and the container from it. Under the stack lock."""

    def refuse(self, tx: Transaction) -> None:
        """Remember the new digest as one that is not tried again."""

    def tell(self, tx: Transaction, stage: str) -> None:
        """Ledger and notification: "started", "done", "failed", "rolled back" or "stuck"."""
