"""mediastack.lock: one holder at a time, freed by death, shared with children only."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from mediastack import lock

HOLDER = """
import sys, time
from mediastack import lock
with lock.hold("updater", "pull sonarr", wait_seconds=5, path=sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
TRY = """
import sys
from mediastack import lock
try:
    with lock.hold("child", "its work", wait_seconds=0.2, path=sys.argv[1]):
        print("entered")
except lock.Busy as error:
    print("busy")
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run" / "stack.lock")


def environment(**changes):
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **changes}


@contextlib.contextmanager
def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def attempt(path, **changes):
    done = subprocess.run(
        [sys.executable, "-c", TRY, path],
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_second_process_is_refused_with_the_name_of_the_first(path):
    with holder(path) as process:
        started = time.monotonic()
        with (
            pytest.raises(lock.Busy) as caught,
            lock.hold("deploy", "apply", wait_seconds=0.3, path=path),
        ):
            pytest.fail("both hold the lock")
        waited = time.monotonic() - started

    message = str(caught.value)
    assert "updater" in message and "pull sonarr" in message and f"pid {process.pid}" in message
    assert "since 20" in message
    assert 0.3 <= waited < 3


def test_killed_holder_frees_the_lock(path):
    with holder(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

        with lock.hold("deploy", "apply", wait_seconds=2, path=path):
            pass


def test_waiter_gets_the_lock_when_the_holder_goes_within_the_wait(path):
    with holder(path) as process:
        timer = threading.Timer(0.4, process.kill)
        timer.start()
        with lock.hold("deploy", "apply", wait_seconds=10, path=path):
            assert lock.holder(path)["actor"] == "deploy"
        timer.join()


def test_file_is_private_and_its_directory_is_not(path):
    with lock.hold("a", "b", wait_seconds=0, path=path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) & 0o555 == 0o555


def test_holder_tells_who_holds_it_and_none_when_free(path):
    assert lock.holder(path) is None
    with holder(path) as process:
        found = lock.holder(path)
        assert (found["actor"], found["pid"]) == ("updater", process.pid)
    assert lock.holder(path) is None


def test_lock_is_released_when_the_body_raises(path):
    with (
        pytest.raises(RuntimeError),
        lock.hold("a", "b", wait_seconds=0, path=path),
    ):
        raise RuntimeError
    assert lock.holder(path) is None
    assert lock.HELD_VARIABLE not in os.environ


def test_child_of_the_holder_enters(path):
    with lock.hold("updater", "update", wait_seconds=0, path=path):
        assert attempt(path) == "entered"
        assert lock.holder(path)["actor"] == "updater"


def test_child_without_the_variable_is_refused(path):
    with lock.hold("updater", "update", wait_seconds=0, path=path):
        assert attempt(path, MEDIASTACK_LOCK_HELD="") == "busy"


def test_variable_naming_a_holder_that_is_no_ancestor_opens_nothing(path):
    with holder(path) as process:
        assert attempt(path, MEDIASTACK_LOCK_HELD=str(process.pid)) == "busy"


def test_variable_naming_an_ancestor_that_does_not_hold_it_opens_nothing(path):
    with holder(path):
        assert attempt(path, MEDIASTACK_LOCK_HELD=str(os.getpid())) == "busy"


def test_stale_variable_of_a_free_lock_means_a_real_lock_of_ones_own(path, monkeypatch):
    monkeypatch.setenv(lock.HELD_VARIABLE, str(os.getppid()))

    with lock.hold("a", "b", wait_seconds=0, path=path):
        assert lock.holder(path)["pid"] == os.getpid()
    assert os.environ[lock.HELD_VARIABLE] == str(os.getppid())


def test_nested_use_in_one_thread_keeps_the_lock_until_the_outer_end(path):
    with lock.hold("outer", "b", wait_seconds=0, path=path):
        with lock.hold("inner", "b", wait_seconds=0, path=path):
            pass
        assert lock.holder(path)["actor"] == "outer"


def test_another_thread_of_the_same_process_is_refused(path):
    outcomes = []

    def other():
        try:
            with lock.hold("thread", "b", wait_seconds=0.1, path=path):
                outcomes.append("entered")
        except lock.Busy:
            outcomes.append("busy")

    with lock.hold("main", "b", wait_seconds=0, path=path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert outcomes == ["busy"]


def test_child_that_outlives_the_holder_does_not_keep_the_lock(path):
    with lock.hold("updater", "update", wait_seconds=0, path=path):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with lock.hold("deploy", "apply", wait_seconds=0, path=path):
            pass
    finally:
        child.kill()
        child.wait()


def test_lock_on_an_unlinked_file_does_not_count(path):
    with holder(path):
        os.unlink(path)
        with lock.hold("deploy", "apply", wait_seconds=0, path=path):
            assert attempt(path, MEDIASTACK_LOCK_HELD="") == "busy"
