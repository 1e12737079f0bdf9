"""What controller and host share: modules of the host package, imported from where they lie."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "files"))

from mediastack import disk_space, plan, probes, quiet_hours, wireguard_key  # noqa: E402

__all__ = ["disk_space", "plan", "probes", "quiet_hours", "wireguard_key"]
