"""A host program that is killed at a step: the so many-th file or process step of a run, or some
seconds after it. The interpreter itself tells of them (audit events), before each is done; which
and when goes into a file that outlives the process.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from typing import Any

PYTHON = "/opt/mediastack/venv/bin/python"
LIBRARY = "/opt/mediastack/lib"
KILLED = -9
# What is written, made, moved, removed or given away; who is started; what Docker is asked.
HOOK = r"""
import os, signal, sys, threading, time
log, kill_at, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
FILES = ("os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.remove", "os.truncate",
         "os.chmod", "os.chown", "os.utime", "os.setxattr")
PROCESSES = ("subprocess.Popen", "sqlite3.connect", "http.client.send", "fcntl.flock")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_DIRECTORY
count = [0]
def end():
    os.kill(os.getpid(), signal.SIGKILL)
def step(event, args):
    if event == "open":
        path, _, flags = args
        if not (isinstance(flags, int) and flags & WRITES) or "bytecode" in str(path):
            return
    elif event == "ctypes.dlsym":
        if args[1] != "renameat2":
            return
    elif event not in FILES and event not in PROCESSES:
        return
    elif "bytecode" in str(args[:2]):
        return
    count[0] += 1
    os.write(log, ("%d\t%.6f\t%s\t%.500r\n" % (
        count[0], time.monotonic(), event, args[:2])).encode(errors="replace"))
    if count[0] == kill_at:
        if delay <= 0:
            end()
        timer = threading.Timer(delay, end)
        timer.daemon = True
        timer.start()
import mediastack.cli
sys.addaudithook(step)
sys.exit(mediastack.cli.main(sys.argv[4:]))
"""


def main(
    words: "list[str]", kill_at: int = 0, delay: float = 0.0, seconds: float = 300.0
) -> "dict[str, Any]":
    """Run `mediastack WORDS`, killed `delay` seconds after its step `kill_at` (0: never)."""
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as said:
        command = [PYTHON, "-c", HOOK, str(log.fileno()), str(kill_at), str(delay), *words]
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[log.fileno()],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": LIBRARY, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        late = process.poll() is None
        if late:
            process.kill()
            process.wait()
        for stream in (log, said):
            stream.seek(0)
        steps = [line.split("\t", 3) for line in log.read().decode(errors="replace").splitlines()]
        return {
            "code": process.returncode,
            "late": late,
            "killed": process.returncode == KILLED and not late,
            "seconds": time.monotonic() - began,
            "began": began,
            "steps": [[float(at), event, what] for _, at, event, what in steps],
            "said": said.read().decode(errors="replace")[-3000:],
        }
