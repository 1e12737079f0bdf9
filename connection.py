"""A host of the inventory, reached exactly as the deploy reaches it, for programs that only look.

pyinfra's own connector makes the connection (same key, user, port, proxy, sudo, pinned host key),
and inside `reached` its facts work as they do in a deploy: what may not be deployed to cannot be
looked at either. The smoke checks and scripts/upgrade-check stand on this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, ctx_state

CONNECT_SECONDS = 10


class Unreachable(Exception):
    """A host could not be reached; the message says why and how to mend it."""


def connect(name: str, data: dict[str, Any]) -> tuple[State, Host]:
    """pyinfra's view of one host with this data, connected. Raise Unreachable."""
    listed = Inventory(([(name, data)], {}))
    state = State(listed, Config(CONNECT_TIMEOUT=CONNECT_SECONDS))
    host = listed.get_host(name)
    try:
        host.connect(raise_exceptions=True)
    except PyinfraError as error:
        raise Unreachable(f"{name}: {error}; fix: connect once with ssh") from error
    return state, host


@contextlib.contextmanager
def reached(name: str, data: dict[str, Any]) -> Iterator[Host]:
    """The host as pyinfra's current one: facts of it can be asked. Raise Unreachable."""
    state, host = connect(name, data)
    try:
        with ctx_state.use(state), ctx_host.use(host):
            yield host
    finally:
        host.disconnect()
