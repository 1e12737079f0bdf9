"""The one way in: verbs, lazy imports, and what becomes of exceptions."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mediastack import cli, config, docker_client, lock

FILES = Path(cli.__file__).parent.parent


def raising(error: BaseException) -> Any:
    def verb(_: list[str]) -> int:
        raise error

    return verb


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_names_a_function_that_exists(verb: str) -> None:
    module, _, function = cli.VERBS[verb].partition(":")
    assert callable(getattr(importlib.import_module(f"mediastack.{module}"), function or "main"))


def test_a_verb_gets_its_arguments_and_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(cli, "find", lambda verb: lambda given: seen.append([verb, *given]) or 7)
    assert cli.main(["up", "downloads", "a b"]) == 7
    assert seen == [["up", "downloads", "a b"]]


@pytest.mark.parametrize("given", [[], ["dance"], ["--help"]])
def test_an_unknown_verb_is_exit_2_with_the_list(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(given) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for verb in cli.VERBS:
        assert verb in captured.err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lock.Busy("/run/x", {"actor": "updater", "pid": 7}, 3.0), "updater (pid 7)"),
        (docker_client.NotReachable("Docker is away"), "Docker is away"),
        (config.ConfigError("mediastack.toml: gone"), "mediastack.toml: gone"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_1(
    error: Exception,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "find", lambda _: raising(error))
    assert cli.main(["up", "media"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("mediastack up: ") and words in message
    assert message.count("\n") == 1


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find", lambda _: raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["up"])


def test_an_interrupt_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find", lambda _: raising(KeyboardInterrupt()))
    assert cli.main(["keeper"]) == 130


@pytest.mark.parametrize("verb", ["history", "version", "redact", "doctor", "status"])
def test_a_verb_does_not_wait_for_the_docker_sdk_to_be_imported(verb: str) -> None:
    program = (
        "import sys; from mediastack import cli; cli.find(sys.argv[1]);"
        "sys.exit('docker' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, verb],
        env={**os.environ, "PYTHONPATH": str(FILES)},
        check=False,
    )
    assert result.returncode == 0


def test_the_package_is_run_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mediastack", "dance"],
        env={**os.environ, "PYTHONPATH": str(FILES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("mediastack: unknown verb 'dance'; verbs are: adopt ")


@pytest.mark.parametrize("lines", [1, 20_000])
def test_a_reader_that_has_enough_gets_no_complaint(lines: int) -> None:
    program = f"""
import sys
from mediastack import cli
def verb(_):
    sys.stdin.readline()  # until the reader is gone
    for _ in range({lines}):
        print("a line")
    return 0
cli.find = lambda _: verb
sys.exit(cli.main(["status"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(FILES)},
    )
    assert process.stdout
    process.stdout.close()
    with process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_broken_pipe_elsewhere_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find", lambda _: raising(BrokenPipeError("Docker's")))
    with pytest.raises(BrokenPipeError, match="Docker's"):
        cli.main(["status"])
