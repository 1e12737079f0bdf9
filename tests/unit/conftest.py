"""What holds for every unit test."""

from __future__ import annotations

import signal

# A shell starts what runs in its background deaf to SIGINT, and so would be every child of ours.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
