"""What a test needs of the machine, and why it is skipped where that is not there."""

from __future__ import annotations

import os
import shutil

import pytest

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
needs_restic = pytest.mark.skipif(shutil.which("restic") is None, reason="no restic here")
