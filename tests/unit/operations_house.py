"""One operation run by pyinfra itself against this machine, with all it sends written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.connectors.local import LocalConnector


@dataclass
class Run:
    """What pyinfra predicted, what it then did, and every command with its stdin."""

    predicted: int = 0
    changed: int = 0
    sent: list[tuple[str, str]] = field(default_factory=list)

    def facts(self) -> list[tuple[str, str]]:
        return self.sent[: -self.changed] if self.changed else self.sent


def run(operation: Any, *, diff: bool = False, dry: bool = False, **arguments: Any) -> Run:
    """Run the operation as `pyinfra` does, at its highest verbosity; raise when it fails."""
    seen = Run()
    real = LocalConnector.run_shell_command

    def recorded(self: Any, command: Any, *more: Any, **named: Any) -> Any:
        seen.sent.append((str(command), "\n".join(named.get("_stdin") or [])))
        return real(self, command, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalConnector, "run_shell_command", recorded)
        config = Config()
        config.DIFF = diff
        state = State(Inventory((["@local"], {})), config)
        for noise in ("print_input", "print_output", "print_fact_input", "print_fact_output"):
            setattr(state, noise, True)
        connect_all(state)
        add_op(state, operation, **arguments)
        (host,) = state.inventory
        seen.predicted = state.meta[host].ops_change
        if not dry:
            run_ops(state)
            result = state.results[host]
            assert result.error_ops == 0
            (meta,) = (data.operation_meta for data in state.ops[host].values())
            seen.changed = int(meta.did_change())
        disconnect_all(state)
    return seen
