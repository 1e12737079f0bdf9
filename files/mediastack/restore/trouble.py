"""Why something cannot be restored, as programs decide by it and users read it."""

from __future__ import annotations

KINDS = ("absent", "damaged", "newer", "space", "config", "other")


class RestoreError(Exception):
    """It could not be done, and nothing live was touched. `kind`: "absent" (no such snapshot, or
    it has nothing of this), "damaged" (what came out of the repository is not what was saved),
    "newer" (made by newer programs, or by a newer version of an app), "space", "config" (this
    house's description or state), "other"; the message says how to mend it."""

    def __init__(self, kind: str, message: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of trouble")
        self.kind = kind
        super().__init__(message)
