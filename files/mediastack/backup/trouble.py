"""Why a backup cannot be made, as programs decide by it and users read it."""

from __future__ import annotations

KINDS = ("space", "busy", "database", "config", "docker", "other")


class BackupError(Exception):
    """It could not be done. `kind`: "space" (no room for copies), "busy" (somebody else has what
    is needed for too long), "database" (damaged, or no database), "config" (this house's
    description or state), "docker" (no answer, or an error), "other"; the message says how to mend
    it."""

    def __init__(self, kind: str, message: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of trouble")
        self.kind = kind
        super().__init__(message)
