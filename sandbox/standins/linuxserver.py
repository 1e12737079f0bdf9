"""`/init` of the LinuxServer images: root -> usermod abc -> chown /config -> drop to PUID/PGID.

It needs CHOWN, DAC_OVERRIDE, FOWNER, SETUID, SETGID and, to pass a signal on to the program it
started, KILL; without one of them it fails as upstream does. It stays PID 1 and root; the program
runs as abc. `FILE__NAME=/path` puts a file's content into NAME (upstream trims no newline).

Usage: python3 -m standins linuxserver PROGRAM [ARGUMENT...]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

USER = "abc"
STOP_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Prepare as root, start the program as abc, return its exit code."""
    uid, gid = os.environ.get("PUID", "911"), os.environ.get("PGID", "911")
    config = Path(os.environ.get("STANDIN_STATE", "/config"))
    try:
        _prepare(uid, gid, config)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"**** /init failed: {error} ****", file=sys.stderr)
        return 1
    _read_file_variables()
    print(f"───── GID/UID ─────\nUser UID: {uid}\nUser GID: {gid}")
    os.environ["HOME"] = str(config)
    os.umask(int(os.environ.get("UMASK", "022"), 8))
    drop = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", "--inh-caps=-all"]
    return _supervise([*drop, "--", *arguments])


def _prepare(uid: str, gid: str, config: Path) -> None:
    read_only = not os.access("/etc", os.W_OK)
    if not read_only:
        subprocess.run(["groupmod", "-o", "-g", gid, USER], check=True)
        subprocess.run(["usermod", "-o", "-u", uid, USER], check=True, stdout=subprocess.DEVNULL)
    config.mkdir(parents=True, exist_ok=True)
    for directory, _, files in os.walk(config):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            os.chown(path, int(uid), int(gid), follow_symlinks=False)
    # Upstream's services touch and chmod below /config as root: DAC_OVERRIDE and FOWNER.
    mark = config / ".standin-init"
    mark.write_text("", encoding="utf-8")
    os.chown(mark, int(uid), int(gid))
    os.chmod(mark, 0o644)
    mark.unlink()


def _read_file_variables() -> None:
    for name, path in list(os.environ.items()):
        if name.startswith("FILE__"):
            os.environ[name.removeprefix("FILE__")] = Path(path).read_text(encoding="utf-8")


def _supervise(arguments: list[str]) -> int:
    """Run `arguments`, hand SIGTERM and SIGINT on, reap whatever is left to PID 1."""
    child = subprocess.Popen(arguments)

    def forward(number: int, _frame: object) -> None:
        try:
            child.send_signal(signal.SIGTERM)
        except PermissionError:
            print("cannot signal the program (CAP_KILL is missing)", file=sys.stderr)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status) % 256
