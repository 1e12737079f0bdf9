"""What a restore needs of the world, as a type: the host (host.Host), or a simulated one.

Every method may be called again after a kill in its middle, and then ends the same. Each raises
updater.house.Trouble when it cannot do its work; any other exception is a fault of ours.
"""

from __future__ import annotations

from typing import Protocol

from mediastack.restore.transaction import Transaction
from mediastack.updater import gate


class House(Protocol):
    """One host, seen by one restore."""

    def stop(self, tx: Transaction) -> None:
        """End the service. Under the stack lock."""

    def swap(self, tx: Transaction) -> None:
        """Have the new tree in place, and its image wanted, while nothing runs. Under the lock."""

    def start(self, tx: Transaction) -> None:
        """Have the service run on the tree that is in place. Under the lock."""

    def look(self, tx: Transaction) -> gate.Seen:
        """See how the service does."""

    def limits(self, tx: Transaction) -> gate.Limits:
        """Return how long it has to be well, and may take to get there."""

    def commit(self, tx: Transaction) -> None:
        """The image that came with the config is the one that is locked. Under the lock."""

    def drop(self, tx: Transaction) -> None:
        """Nothing is left but the tree in place (and the old one where it is_kept)."""

    def give_back(self, tx: Transaction) -> None:
        """Before the swap: the service runs again if it is to. Under the lock."""

    def back(self, tx: Transaction) -> None:
        """Stop it; nothing starts it again where image and config are no pair. Under the lock."""

    def unswap(self, tx: Transaction) -> None:
        """Have the old tree in place, and its image wanted. Under the lock."""

    def revive(self, tx: Transaction) -> None:
        """Have the service run on the old tree, if it is to. Under the lock."""

    def tell(self, tx: Transaction, stage: str) -> None:
        """Ledger: "done", "failed", "undone" or "stuck"; the last one is sent as well."""
