"""Our own backup as a process of its own, as the timer and a user start it: `mediastack backup`.

Run by benchmarks.backup with MEDIASTACK_CONFIG and RESTIC_CACHE set.
"""

from __future__ import annotations

import os
import sys

from mediastack.backup import restic, verb

if __name__ == "__main__":
    restic.CACHE = os.environ["RESTIC_CACHE"]
    sys.exit(verb.main(sys.argv[1:]))
