"""`mediastack VERB [ARGUMENT ...]`: one way into every host program.

A verb is a module with `main(arguments) -> exit code`, or one function of a module that holds
several verbs ("module:function"). Modules are imported only when their verb is called: status and
completion must not wait for the Docker SDK that the keeper needs. What a user can mend (lock busy,
Docker away, configuration broken) is one line on stderr and exit 1; anything else is a bug of ours
and keeps its traceback.
"""

from __future__ import annotations

import importlib
import os
import select
import sys
from collections.abc import Callable

VERBS: dict[str, str] = {
    "adopt": "adopt.verb",
    "apply": "stack_verbs:apply",
    "backup": "backup.verb",
    "cascade": "monitor.cascade_verb",
    "disk-guard": "disk_guard",
    "doctor": "doctor",
    "door": "door.server",
    "down": "stack_verbs:down",
    "drift": "drift",
    "healer": "healer.server",
    "history": "history",
    "inbox": "inbox",
    "keeper": "keeper",
    "leaktest": "leaktest",
    "leaktest-guard": "leaktest_drill:guard_main",
    "leaktest-probe": "leaktest_probe",
    "monitor": "monitor.watcher",
    "monitor-status": "monitor.report",
    "notify-send": "notify_sender",
    "notify-test": "notify_test",
    "observe": "observe",
    "pause-updates": "updater.pause_verb",
    "portsync": "portsync",
    "portsync-status": "portsync_status",
    "pull": "stack_verbs:pull",
    "rebuild": "restore.rebuild",
    "recovery-kit": "backup.kit",
    "redact": "redact",
    "restart": "stack_verbs:restart",
    "restore": "restore.verb",
    "restore-drill": "backup.drill_verb",
    "resume": "monitor.resume_verb",
    "rollback": "updater.rollback_verb",
    "rotate": "rotate",
    "secrets-apply": "secrets:apply_main",
    "secrets-check": "secrets:check_main",
    "shutdown": "shutdown",
    "snapshot": "snapshot",
    "status": "status",
    "uninstall": "uninstall",
    "up": "stack_verbs:up",
    "update": "updater.update_verb",
    "update-worker": "updater.worker",
    "version": "version",
    "wait-healthy": "wait_healthy",
    "wall": "wall",
    "wall-check": "doctor_wall",
}
USAGE = 2
INTERRUPTED = 130
# By name, as only a module that is already loaded can have raised one of them.
_MENDABLE = (
    ("mediastack.config", "ConfigError"),
    ("mediastack.docker_client", "NotReachable"),
    ("mediastack.lock", "Busy"),
)


def main(arguments: list[str]) -> int:
    """Run the verb in `arguments[0]` and return its exit code (0 done, 1 failed, 2 usage)."""
    if not arguments or arguments[0] not in VERBS:
        problem = f"unknown verb '{arguments[0]}'" if arguments else "no verb given"
        print(f"mediastack: {problem}; verbs are: {' '.join(sorted(VERBS))}", file=sys.stderr)
        return USAGE
    try:
        code = find(arguments[0])(arguments[1:])
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        return 1
    except Exception as error:
        if not isinstance(error, _mendable_errors()):
            raise
        print(f"mediastack {arguments[0]}: {error}", file=sys.stderr)
        return 1


def find(verb: str) -> Callable[[list[str]], int]:
    """Import the module of a verb and return its function. Raise KeyError for an unknown verb."""
    module, _, function = VERBS[verb].partition(":")
    entry: Callable[[list[str]], int] = getattr(
        importlib.import_module(f"mediastack.{module}"), function or "main"
    )
    return entry


def _reader_is_gone() -> bool:
    """Whether it is our output that nobody reads any more (`| head`); then stop trying to print."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0)):
        return False
    # What is still buffered would be complained about at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _mendable_errors() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name) for module, name in _MENDABLE if module in sys.modules
    )
