"""compose: each call names everything, a pull is repeated, a failure ends in its last words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mediastack import compose


def test_a_pull_is_repeated_when_the_network_fails_and_not_when_it_is_hopeless() -> None:
    for error, attempts in [("connection reset by peer", 3), ("manifest unknown", 1)]:
        calls: list[Any] = []

        def run(arguments: Any, timeout: float, error: str = error, calls: Any = calls) -> None:
            calls.append(arguments)
            raise compose.ComposeError(error)

        with pytest.raises(compose.ComposeError):
            compose.pull({"paths": {"program": "/x"}}, "media", [], run=run, sleep=lambda _: None)
        assert len(calls) == attempts


def test_a_compose_call_names_everything_and_never_pulls(tmp_path: Path) -> None:
    directory = tmp_path / "stacks" / "media"
    directory.mkdir(parents=True)
    (directory / "images.yaml").write_text("")
    calls: list[Sequence[str]] = []
    config = {"paths": {"program": str(tmp_path)}}
    compose.up(config, "media", ["plex"], recreate=True, run=lambda call, _: calls.append(call))
    assert calls == [
        ["docker", "compose", "--project-name", "mediastack-media"]
        + ["--project-directory", str(directory)]
        + ["-f", f"{directory}/compose.yaml", "-f", f"{directory}/images.yaml"]
        + ["up", "-d", "--no-deps", "--force-recreate", "--pull", "never", "plex"]
    ]


def test_a_command_that_fails_shows_its_output_and_ends_in_its_last_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(compose.ComposeError, match="^going; gone$"):
        compose.execute(["sh", "-c", "echo going; echo gone >&2; exit 3"], 10)
    assert capsys.readouterr().err == "going\ngone\n"
    with pytest.raises(compose.ComposeError, match="no end after 0.2 s"):
        compose.execute(["sleep", "20"], 0.2)
    with pytest.raises(compose.ComposeError, match="install Docker Compose"):
        compose.execute(["/nonexistent/docker"], 1)
