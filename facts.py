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
    {turn}
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
    """A program from remote/ with the call of one function, as stdin for `python3 -`.

    What changes the host, and the survey on which that is decided, waits for its turn.
    """
    waits = function == "apply" or module == "survey"
    turn = f'_turn = take_turn("{module}")' if waits else "pass"
    text = json.dumps(specification)
    call = FOOTER.format(module=module, function=function, specification=text, turn=turn)
    return Sealed([*([source("turn")] if waits else []), source(module), call])


class Answer(FactBase[Any]):
    """What a program from remote/ says; pass it with `_stdin=program(...)`."""

    def requires_command(self, about: str) -> str:
        return "python3"

    def command(self, about: str) -> str:
        return "python3 -"

    def process(self, output: list[str]) -> Any:
        return json.loads(output[-1])


class HostProgram(FactBase[Any]):
    """What one verb of the host's own programs says; None where they are not installed yet.

    `unfit`: they are about to be replaced, perhaps because a killed run left them half replaced;
    then a verb that fails says as little as one that is not there.
    """

    def command(self, path: str, verb: str, unfit: bool = False) -> str:
        failed = " || echo null" if unfit else ""
        # What is sent is read in any case: writing it to a command that is over would be an error.
        absent = "cat >/dev/null; echo null"
        return f"if test -x {path}; then {path} {verb}{failed}; else {absent}; fi"

    def process(self, output: list[str]) -> Any:
        return json.loads("\n".join(output))
