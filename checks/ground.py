"""The ground most checks stand on: a deployed box at the start, a healthy one at the end."""

from __future__ import annotations

import contextlib

from checks import box, runtime
from checks.framework import CheckError, Context
from sandbox.command import SandboxError
from sandbox.progress import say

SETTLE_SECONDS = 120.0


def prepare(context: Context) -> None:
    """Set context.box to the deployed box and wait until all of it is well."""
    context.box = context.resources.enter_context(box.opened(context.box_name))
    box.ensure_deployed(context.box)
    runtime.wait_until_well(context.box, SETTLE_SECONDS)


def settle(context: Context) -> None:
    """Mend what a planted fault or a failed case left; an undamaged box is not touched."""
    try:
        if context.box is not None and (context.break_name or context.violations):
            with contextlib.suppress(CheckError, SandboxError):
                box.deploy(context.box)
            try:
                runtime.wait_until_well(context.box, SETTLE_SECONDS)
            except CheckError as error:
                say(f"  box {context.box_name} is not well after the check: {error}")
    finally:
        context.resources.close()
