"""Masking: no canary gets out of a compose project or a log, and nothing else is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mediastack import redact

FILES = Path(redact.__file__).parent.parent


def masked(text: str) -> str:
    return "\n".join(redact.config(text.splitlines()))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("      API_KEY: canary", "      API_KEY: REDACTED"),
        ("      api_key: 'canary canary'", "      api_key: REDACTED"),
        ('      "apiKey": "canary",', '      "apiKey": "REDACTED",'),
        ('      "apiKey": "canary: canary"', '      "apiKey": "REDACTED"'),
        ("      - token: canary", "      - token: REDACTED"),
        ("      - WEBUI_PASSWORD=canary=canary", "      - WEBUI_PASSWORD=REDACTED"),
        ('      - "NTFY_TOKEN=canary"', '      - "NTFY_TOKEN=REDACTED"'),
        ('      "--secret=canary",', '      "--secret=REDACTED",'),
        ("MY_SECRET=canary", "MY_SECRET=REDACTED"),
        ("      homepage.widget.key: canary", "      homepage.widget.key: REDACTED"),
        ("      url: http://user:canary@host/", "      url: http://user:REDACTED@host/"),
    ],
)
def test_a_secret_is_masked_in_every_form(line: str, expected: str) -> None:
    assert masked(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "    environment:",
        "    secrets:",
        '    "secrets": [',
        '    "secrets": {},',
        "    token: null",
        '    api_key: ""',
        "      TZ: Europe/Berlin",
        "        target: /run/secrets/token",
        "    image: ghcr.io/linuxserver/sonarr:4.0.20@sha256:abc",
        '      - "192.168.1.10:8989:8989"',
        "      url: http://host:8080/a@b",
        "",
    ],
)
def test_what_is_no_secret_stays_as_it_is(line: str) -> None:
    assert masked(line) == line


def test_all_lines_of_a_long_value_are_masked_and_the_next_key_stays() -> None:
    text = "a:\n  PRIVATE_KEY: |\n    canary\n\n    canary\n  TZ: UTC\n  b: 1"
    assert masked(text) == "a:\n  PRIVATE_KEY: REDACTED\n  TZ: UTC\n  b: 1"


def test_keys_beside_a_masked_one_in_a_list_item_stay() -> None:
    text = "- token: canary\n  target: /x\n- source: y"
    assert masked(text) == "- token: REDACTED\n  target: /x\n- source: y"


def test_the_value_after_an_option_is_masked_and_only_that() -> None:
    text = "command:\n  - --api-key\n  - canary\n  - serve\n  - --verbose\n  - yes"
    assert masked(text) == (
        "command:\n  - --api-key\n  - REDACTED\n  - serve\n  - --verbose\n  - yes"
    )


def test_the_value_after_an_option_in_json_is_masked() -> None:
    text = '[\n  "--api-key",\n  "canary",\n  "serve"\n]'
    assert json.loads(masked(text)) == ["--api-key", "REDACTED", "serve"]


NAMES = st.sampled_from(["API_KEY", "token", "Password", "x.secret.y", "PATH", "TZ", "url"])
VALUES = st.lists(
    st.sampled_from(["canary", " ", "\n", ": ", "'", '"', "#", "- ", "=", "{", "\\"]), max_size=8
).map(lambda parts: "canary" + "".join(parts))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.booleans())
def test_no_value_of_a_secret_name_survives_in_yaml_or_json(
    pairs: list[tuple[str, str]], as_json: bool
) -> None:
    environment = dict(pairs)
    project = {"services": {"a": {"environment": environment, "image": "x:1"}}}
    text = json.dumps(project, indent=2) if as_json else yaml.safe_dump(project, width=20)
    after = masked(text)
    secret = ("API_KEY", "token", "Password", "x.secret.y")
    if not set(environment) - set(secret):
        assert "canary" not in after
    # What is left is still the same kind of document, with everything else in it.
    read = yaml.safe_load(after)
    assert read["services"]["a"]["image"] == "x:1"
    assert set(read["services"]["a"]["environment"] or {}) == set(environment)
    for name, value in environment.items():
        if name in secret:
            assert read["services"]["a"]["environment"][name] == "REDACTED"
        elif "://" not in value:
            assert read["services"]["a"]["environment"][name] == value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /api?apikey=canary&page=2", "GET /api?apikey=REDACTED&page=2"),
        ('{"token":"canary","a":1}', '{"token":"REDACTED","a":1}'),
        ("password: canary, user: me", "password: REDACTED, user: me"),
        ("X-Api-Key: canary", "X-Api-Key: REDACTED"),
        ("https://me:canary@tracker/announce", "https://me:REDACTED@tracker/announce"),
        ("imported 3 keys, no token needed", "imported 3 keys, no token needed"),
        ("listening on http://0.0.0.0:8989", "listening on http://0.0.0.0:8989"),
    ],
)
def test_a_log_line_loses_its_secret_and_nothing_else(line: str, expected: str) -> None:
    assert list(redact.text([line])) == [expected]


def program(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mediastack", "redact", *arguments],
        input=text,
        env={"PYTHONPATH": str(FILES)},
        capture_output=True,
        check=False,
    )


def test_the_verb_passes_any_bytes_through() -> None:
    result = program("text", text=b"\xff\xfe token=canary \r\nlast")
    assert result.stdout == b"\xff\xfe token=REDACTED \r\nlast\n"


def test_the_verb_is_live_and_ends_quietly_when_its_reader_has_seen_enough() -> None:
    command = f"yes line | '{sys.executable}' -m mediastack redact text | head -n 1"
    result = subprocess.run(
        ["timeout", "20", "bash", "-c", command],
        env={"PYTHONPATH": str(FILES), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "line\n", "")


@pytest.mark.parametrize("arguments", [(), ("everything",), ("text", "more")])
def test_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    result = program(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
