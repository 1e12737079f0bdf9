"""Running programs: arguments as a list, output captured, failures as one readable error."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

DEFAULT_TIMEOUT_SECONDS = 600.0


class SandboxError(Exception):
    """What went wrong with the sandbox and how to mend it, for the user's eyes."""


def run(
    arguments: Sequence[str],
    *,
    check: bool = True,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    text_input: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `arguments`; return the result with captured text. Raises SandboxError when it fails."""
    try:
        result = subprocess.run(
            list(arguments),
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=text_input,
            stdin=subprocess.DEVNULL if text_input is None else None,
        )
    except FileNotFoundError as error:
        raise SandboxError(f"{arguments[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"{' '.join(arguments[:4])} took over {timeout:.0f} s") from error
    if check and result.returncode != 0:
        words = " ".join(arguments)
        shown = words if len(words) < 160 else words[:157] + "..."
        tail = "\n".join((result.stderr.strip() or result.stdout.strip()).splitlines()[-15:])
        raise SandboxError(f"`{shown}` ended with {result.returncode}:\n{tail}")
    return result


def output(arguments: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> str:
    """Run `arguments` and return its stripped standard output."""
    return run(arguments, timeout=timeout).stdout.strip()


def succeeds(arguments: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> bool:
    """True when `arguments` runs and exits 0; a missing program counts as a failure."""
    try:
        return run(arguments, check=False, timeout=timeout).returncode == 0
    except SandboxError:
        return False
