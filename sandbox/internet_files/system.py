"""Running `ip` and `nft`, and starting a part of the internet in a network namespace of its own."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answerer = Callable[..., dict[str, Any]]
MAXIMUM_QUESTION_BYTES = 65536
TIMEOUT_SECONDS = 20.0
NEW_NETWORK_NAMESPACE = 0x40000000


def run(*words: str, text: str | None = None) -> str:
    """Run a program with `text` as its input; return its output. Raise on failure, with why."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def ip(*lines: str) -> None:
    """Run several commands of ip(8), in order."""
    for line in lines:
        run("ip", *line.split())


def set_kernel(**values: int) -> None:
    """Write settings below /proc/sys/net of this namespace; `__` in a name stands for a slash."""
    for name, value in values.items():
        Path("/proc/sys/net", name.replace("__", "/")).write_text(f"{value}\n", encoding="ascii")


def in_own_namespace(main: Callable[[], None], links: Callable[[int], None]) -> int:
    """Fork; the child gets a network namespace, `links(pid)` gives it its link, then main() runs.

    Returns the child's process id. The child never returns.
    """
    made, tell_made = os.pipe()
    linked, tell_linked = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK_NAMESPACE):
                raise OSError(ctypes.get_errno(), "unshare")
            os.write(tell_made, b".")
            os.read(linked, 1)
            main()
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os.read(made, 1)
    links(child)
    os.write(tell_linked, b".")
    return child


def answer_questions(path: Path, verbs: dict[str, Answerer]) -> None:
    """Serve {"verb": ..., "words": [...]} on a Unix socket, one question per connection."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                question = json.loads(connection.recv(MAXIMUM_QUESTION_BYTES))
                try:
                    answer = verbs[question["verb"]](*question["words"])
                except (OSError, ValueError, TypeError) as error:
                    answer = {"error": str(error)}
                connection.sendall(json.dumps(answer).encode())

    threading.Thread(target=serve, daemon=True).start()


def ask(path: Path, verb: str, *words: str) -> dict[str, Any]:
    """Ask a part over its socket. Raise OSError when it does not answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(str(path))
        connection.sendall(json.dumps({"verb": verb, "words": words}).encode())
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(MAXIMUM_QUESTION_BYTES):
            parts.append(part)
    answer: dict[str, Any] = json.loads(b"".join(parts))
    return answer
