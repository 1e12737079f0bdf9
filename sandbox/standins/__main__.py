"""`python3 -m standins KIND [ARGUMENT...]`: run the stand-in of that kind."""

from __future__ import annotations

import importlib
import signal
import sys


def main() -> int:
    """Import the module of the kind (only that one) and run its main()."""
    kind, arguments = sys.argv[1], sys.argv[2:]
    # PID 1 ignores signals without a handler; one that is still starting must end promptly too.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    module = importlib.import_module(f"standins.{kind}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        return int(module.main(arguments))
    except SystemExit as ending:
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr, flush=True)
            return 1
        return int(ending.code or 0)


if __name__ == "__main__":
    sys.exit(main())
