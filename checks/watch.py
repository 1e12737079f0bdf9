"""Eyes on a deploy: every process that appears, and every file that sshd's children touch.

strace attaches to the listening sshd, so it follows the connection that pyinfra makes next. Both
watchers are shown something that they must have seen before anything they did not see counts.
Their records hold secrets: root only, in memory file systems or temporary directories, and removed.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from checks import box, canaries, runtime
from checks.canaries import Canaries
from checks.framework import Context
from sandbox.progress import say

TRACE = "/run/check-trace"
CALLS = "execve,?open,openat,?creat,?mkdir,mkdirat,?chmod,fchmod,fchmodat,?fchmodat2,write,pwrite64"
READY_SECONDS = 15.0
CONTROL = "check-control-4711"
CONTROL_FILE = f"{canaries.DIRECTORY}-control"


@contextlib.contextmanager
def processes(context: Context, log: Path) -> Iterator[None]:
    """Record every process of the box into `log`."""
    source = (box.INSIDE / "processes.py").read_text(encoding="utf-8") + "\nmain()\n"
    packed = base64.b64encode(source.encode()).decode()
    program = f"import base64;exec(base64.b64decode('{packed}'))"
    with box.recorded(context.box, f'python3 -c "{program}"', log):

        def missing() -> str:
            box.run(context.box, f"CONTROL=x{CONTROL} sleep 0.3")
            return "" if f"x{CONTROL}" in log.read_text() else "the control process"

        runtime.wait_until("the process watcher sees", missing, READY_SECONDS)
        context.control("the control process", True)
        yield


def found_in_processes(context: Context, log: Path, known: Canaries) -> set[str]:
    """The names of secrets that were in an argument or in the environment of a process."""
    lines = log.read_text(errors="replace").splitlines()
    context.figure("processes_seen", len(lines))
    return {name for line in lines for name in known.found_in(" ".join(json.loads(line)))}


@contextlib.contextmanager
def files(context: Context) -> Iterator[None]:
    """Trace what the children of sshd do to files, from the next connection on."""
    host = context.box
    if not box.succeeds(host, "command -v strace"):
        install = "apt-get install -y -qq --no-install-recommends strace"
        if not box.succeeds(host, install):
            box.run(host, f"apt-get update -qq && {install}")
    box.run(host, f"rm -rf {TRACE} && mkdir -m 0700 {TRACE}")
    listener = box.run(host, "systemctl show -p MainPID --value ssh.service").strip()
    strace = f"strace -ff -y -v -s 65536 -o {TRACE}/t -e trace={CALLS} -p {listener}"
    with box.recorded(host, strace, Path("/dev/null")):

        def missing() -> str:
            # A connection of its own: the shared one is older than the trace.
            box.run(host, f"umask 022; : > {CONTROL_FILE}; rm {CONTROL_FILE}", shared=False)
            seen = box.succeeds(host, f"grep -qs {CONTROL_FILE} {TRACE}/*")
            return "" if seen else "the control file"

        runtime.wait_until("strace sees", missing, READY_SECONDS)
        yield


def judge_files(context: Context, known: Canaries) -> list[str]:
    """What was wrong with files and programs in the trace; removes the trace."""
    seen = box.inside(context.box, "trace", prefix=f"{TRACE}/t", forms=known.forms)
    box.run(context.box, f"rm -rf {TRACE}")
    for key in ("lines", "programs"):
        context.figure(f"traced_{key}", seen[key])
    say(f"  secrets were written into {len(seen['carriers'])} files")
    context.figure("traced_secret_files", len(seen["carriers"]))
    control = [entry for entry in seen["wide"] if entry[1].startswith(CONTROL_FILE)]
    context.control("a control file that anybody could read", bool(control))
    context.control("the writing of secrets", bool(seen["carriers"]))
    problems = [
        f"{path} was {what} with mode {mode}"
        for what, path, mode in seen["wide"]
        if [what, path, mode] not in control
    ]
    problems += [f"a secret was written into {path}" for path in seen["elsewhere"]]
    problems += [f"{name} was in the arguments of a program" for name in seen["arguments"]]
    return problems
