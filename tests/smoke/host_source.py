"""The program that reads a host, as one text: what travels is host_program.py and what it imports.

Apart from targets.py, which needs hosts, so that it can be tried without any.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
# A module that is found by its name without being a file.
MODULE = """
import sys, types
sys.modules["tests.smoke.host_readers"] = types.ModuleType("host_readers")
exec({readers!r}, vars(sys.modules["tests.smoke.host_readers"]))
"""


def program() -> str:
    """Python source that defines `observe`, for a host where this checkout is not."""
    readers = (HERE / "host_readers.py").read_text(encoding="utf-8")
    return MODULE.format(readers=readers) + (HERE / "host_program.py").read_text(encoding="utf-8")
