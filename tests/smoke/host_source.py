"""The program that reads a host, as one text: what travels is host_program.py and what it imports.

Apart from targets.py, which needs hosts, so that it can be tried without any.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
SENT_ALONG = ("host_readers", "host_probes")
# A module that is found by its name without being a file.
MODULE = """
import sys, types
sys.modules[{name!r}] = types.ModuleType({name!r})
exec({source!r}, vars(sys.modules[{name!r}]))
"""


def program() -> str:
    """Python source that defines `observe`, for a host where this checkout is not."""
    along = [MODULE.format(name=f"tests.smoke.{name}", source=text(name)) for name in SENT_ALONG]
    return "".join(along) + text("host_program")


def text(name: str) -> str:
    """The source of one module."""
    return (HERE / f"{name}.py").read_text(encoding="utf-8")
