"""The program that reads a host, as one text: what travels is host_program.py and what it imports.

Apart from targets.py, which needs hosts, so that it can be tried without any.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE / "host_program.py"
# In the order in which one needs the other.
SENT_ALONG = {
    "mediastack.probes": HERE.parent.parent / "files" / "mediastack" / "probes.py",
    "tests.smoke.host_readers": HERE / "host_readers.py",
}
# A module that is found by its name without being a file.
MODULE = """
import sys, types
sys.modules[{name!r}] = types.ModuleType({name!r})
exec({source!r}, vars(sys.modules[{name!r}]))
"""


def program() -> str:
    """Python source that defines `observe`, for a host where this checkout is not."""
    along = [
        MODULE.format(name=name, source=path.read_text(encoding="utf-8"))
        for name, path in SENT_ALONG.items()
    ]
    return "".join(along) + PROGRAM.read_text(encoding="utf-8")
