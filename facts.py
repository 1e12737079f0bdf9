"""Our few facts: one command reads the state of everything an operation needs.

A fact is a small program from remote/, sent over stdin together with the wanted state. Nothing of
either is in a command line, so nothing shows in a process list or in pyinfra's output; pyinfra
itself neither caches facts nor prints stdin. What a program answers is JSON on one line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyinfra.api import FactBase

REMOTE = Path(__file__).parent / "remote"

# Runs the named function and reports a failed command as one line rather than a traceback.
FOOTER = """
import json as _json, subprocess as _subprocess, sys as _sys
try:
    print(_json.dumps({function}(_json.loads({specification!r}))))
except (OSError, _subprocess.CalledProcessError) as _error:
    _sys.exit(f"{module}: {{_error}}")
"""


class Sealed(list[str]):
    """Lines for a command's stdin that no representation shows: they may hold secrets.

    pyinfra prints the arguments of facts and operations at higher verbosity.
    """

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__


def source(module: str) -> str:
    """The text of a program from remote/."""
    return (REMOTE / f"{module}.py").read_text(encoding="utf-8")


def program(module: str, function: str, specification: Any) -> Sealed:
    """A program from remote/ with the call of one function, as stdin for `python3 -`."""
    call = FOOTER.format(module=module, function=function, specification=json.dumps(specification))
    return Sealed([source(module), call])


class Answer(FactBase[Any]):
    """What a program from remote/ says; pass it with `_stdin=program(...)`."""

    def requires_command(self, about: str) -> str:
        return "python3"

    def command(self, about: str) -> str:
        return "python3 -"

    def process(self, output: list[str]) -> Any:
        return json.loads(output[-1])


class HostProgram(FactBase[Any]):
    """What one verb of the host's own programs says; None where they are not installed yet."""

    def command(self, path: str, verb: str) -> str:
        return f"if test -x {path}; then {path} {verb}; else echo null; fi"

    def process(self, output: list[str]) -> Any:
        return json.loads("\n".join(output))
