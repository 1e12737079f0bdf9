"""deploy.py is a table of contents: short, in order, without a decision of its own."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "deploy.py").read_text(encoding="utf-8")
LINES_AT_MOST = 40


def calls() -> list[str]:
    tree = ast.parse(SOURCE)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [ast.unparse(call.func) for call in sorted(found, key=lambda call: call.lineno)]


def test_it_is_short() -> None:
    assert len(SOURCE.splitlines()) <= LINES_AT_MOST


def test_it_decides_nothing() -> None:
    kinds = (ast.If, ast.For, ast.While, ast.Try, ast.FunctionDef, ast.IfExp)
    assert not [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, kinds)]


def test_settings_and_preflight_come_before_anything_changes() -> None:
    assert calls()[:3] == ["host_settings.of", "preflight.check", "layout.build"]


def test_every_concern_stands_on_the_ones_before() -> None:
    order = calls()
    for first, then in (
        ("base.files", "base.packages"),  # a new Docker starts with our daemon.json in place
        ("base.packages", "docker.engine"),
        ("docker.engine", "docker.network"),
        ("programs.environment", "programs.rebuild"),
        ("programs.rebuild", "programs.secrets"),  # what is restored is not made anew
        ("programs.secrets", "stacks.run"),  # files that are mounted must be there
        ("docker.network", "stacks.run"),
        ("programs.environment", "stacks.run"),
    ):
        assert order.index(first) < order.index(then)


def test_every_task_is_called() -> None:
    called = set(calls())
    for file in (ROOT / "tasks").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                assert f"{file.stem}.{node.name}" in called
