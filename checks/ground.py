"""The ground most checks stand on: a deployed box at the start, a healthy one at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from checks import box, checkout, runtime
from checks.framework import CheckError, Context
from sandbox.command import SandboxError
from sandbox.progress import say

SETTLE_SECONDS = 120.0
SMOKE_SECONDS = 120.0


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


@contextlib.contextmanager
def edited(context: Context, path: str, *passages: str) -> Iterator[None]:
    """A copy of the checkout with passages (old, new, old, new …) of one file replaced."""
    with checkout.frozen(context.box.sources) as sources:
        for old, new in zip(passages[::2], passages[1::2], strict=True):
            checkout.edit(sources, path, old, new)
        context.fault_sources = sources
        try:
            yield
        finally:
            context.fault_sources = None


def smoke(context: Context) -> None:
    """The smoke suite is green on every host of this run."""
    done = subprocess.run(
        [f"{sys.prefix}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/smoke"],
        cwd=context.box.sources,
        env={**os.environ, "MEDIASTACK_BOX": context.box.name},
        capture_output=True,
        text=True,
        timeout=SMOKE_SECONDS,
        check=False,
    )
    context.figure("smoke_checks", done.stdout.count("."))
    if done.returncode:
        context.violation(f"the smoke checks fail: {(done.stdout or done.stderr)[-500:]}")
