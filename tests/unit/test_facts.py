"""The facts: what goes over stdin is shown nowhere, and programs speak one JSON line."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import facts
from facts import Answer, HostProgram, Sealed, program

SECRET = "s3cret-canary"
# What precedes the others is none by itself.
PROGRAMS = sorted(path.stem for path in facts.REMOTE.glob("*.py") if path.stem != "turn")


def run(sealed: Sealed) -> subprocess.CompletedProcess[str]:
    """What a host does with it: pyinfra writes the lines to the shell's stdin."""
    return subprocess.run(
        [sys.executable, "-"], input="\n".join(sealed), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r}".format,
        lambda sealed: f"{sealed}",
        lambda sealed: "%s" % sealed,  # noqa: UP031
        lambda sealed: repr({"_stdin": sealed, "more": [sealed]}),
        lambda sealed: json.dumps({"arguments": str(sealed)}),
    ],
)
def test_no_representation_of_sealed_lines_shows_them(show: Any) -> None:
    assert SECRET not in show(Sealed([SECRET]))


def test_sealed_lines_are_still_lines_for_stdin() -> None:
    assert list(Sealed(["a", "b"])) == ["a", "b"]
    assert isinstance(Sealed([]), list)


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_has_the_two_functions_and_only_the_standard_library(module: str) -> None:
    source = (facts.REMOTE / f"{module}.py").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(compile(source, module, "exec"), names)
    assert callable(names["check"])
    assert module in ("preflight", "survey", "upgrade") or callable(names["apply"])
    tree = ast.parse(source, feature_version=(3, 10))
    imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for one in node.names}  # fmt: skip
    imported |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)
    assert "tomllib" not in imported  # hosts may have Python 3.10


def test_a_program_answers_with_one_line_of_json(tmp_path: Path) -> None:
    path = str(tmp_path / "absent")
    entry = {"path": path, "kind": "directory", "mode": "0755", "uid": 0, "gid": 0}
    wanted = {"record": str(tmp_path / "record"), "entries": [entry]}
    shown = run(program("tree", "check", wanted))
    assert shown.returncode == 0, shown.stderr
    answer = Answer().process(["a line that a profile printed", *shown.stdout.splitlines()])
    assert answer[0] == {"path": path, "problem": "absent"}


@pytest.mark.parametrize("text", ['"', "'''", "\\n", "{}", "{function}", "ü\n#", "@@SECRET a/b@@"])
def test_any_text_arrives_as_it_is(tmp_path: Path, text: str) -> None:
    entry = {"path": str(tmp_path / "no" / text), "kind": "link", "target": text}
    shown = run(program("tree", "check", {"record": "/none", "entries": [entry]}))
    assert json.loads(shown.stdout)[0]["path"] == entry["path"]


def test_a_program_that_fails_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    entry = {"path": str(tmp_path / "link"), "kind": "directory", "mode": "0755", "uid": 0}
    wanted = {"record": str(tmp_path / "record"), "entries": [{**entry, "gid": 0}]}
    shown = run(program("tree", "apply", wanted))
    assert shown.returncode == 1
    assert shown.stderr.startswith("tree: ")
    assert len(shown.stderr.splitlines()) == 1


def test_nothing_of_a_program_is_in_its_command() -> None:
    assert Answer().command(about="tree") == "python3 -"
    assert Answer().requires_command(about="tree") == "python3"


def test_a_host_program_that_is_not_installed_yet_answers_none(tmp_path: Path) -> None:
    shown = subprocess.run(
        ["sh", "-c", HostProgram().command(path=str(tmp_path / "none"), verb="observe")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert HostProgram().process(shown.stdout.splitlines()) is None


def test_a_host_program_gets_its_verb_and_stdin(tmp_path: Path) -> None:
    entry_point = tmp_path / "mediastack"
    entry_point.write_text('#!/bin/sh\nprintf \'["%s", "%s", "%s"]\\n\' "$1" "$2" "$(cat)"\n')
    entry_point.chmod(0o755)
    command = HostProgram().command(path=str(entry_point), verb="secrets-check --x")
    shown = subprocess.run(
        ["sh", "-c", command], input="stdin", capture_output=True, text=True, check=True
    )
    assert HostProgram().process(shown.stdout.splitlines()) == ["secrets-check", "--x", "stdin"]


@pytest.mark.parametrize(("unfit", "code"), [(True, 0), (False, 3)])
def test_a_host_program_that_a_killed_run_left_half_replaced_answers_none_if_it_is_known(
    tmp_path: Path, unfit: bool, code: int
) -> None:
    entry_point = tmp_path / "mediastack"
    entry_point.write_text("#!/bin/sh\nexit 3\n")
    entry_point.chmod(0o755)
    command = HostProgram().command(path=str(entry_point), verb="observe", unfit=unfit)
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout) == (code, "null\n" if unfit else "")
