"""Secrets while things go wrong: killed runs, two at once, open files, damaged input, the verbs."""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading

import pytest
from secrets_house import ME, House, mode

from mediastack import secret_files, secrets


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.parametrize("killed_after", range(8))
def test_apply_that_dies_anywhere_is_finished_by_the_next(house, monkeypatch, killed_after):
    house.secret("app/key")
    house.secret("b/key", origin="copy", source="app/key")
    house.file("@@SECRET b/key@@")
    mend = secrets._mend
    done = []

    def killed(*arguments):
        if len(done) == killed_after:
            raise KeyboardInterrupt
        done.append(arguments)
        mend(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(secrets, "_mend", killed)
        with contextlib.suppress(KeyboardInterrupt):
            house.apply()
    present = house.secrets / "app/key"
    first = present.read_text() if present.exists() else None
    house.apply()

    assert house.check() == {}
    assert first in (None, house.read("app/key"))
    assert house.read("b/key") == house.read("app/app.conf") == house.read("app/key")


def test_two_applies_at_once_agree_on_one_secret(house):
    for index in range(10):
        house.secret(f"app/key{index}")
    secrets.apply({**house.settings, "secrets": []}, {})
    seen = []

    def run():
        house.apply()
        seen.append([house.read(f"app/key{index}") for index in range(10)])

    (house.secrets / "app").mkdir(mode=0o700)
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 3 and seen[0] == seen[1] == seen[2]


TOO_WIDE = """
import json, os, sys
from mediastack import secrets
wide = []
def look(*_):
    for base, _, names in os.walk(sys.argv[1]):
        for name in names:
            found = os.lstat(os.path.join(base, name)).st_mode & 0o777
            if found & 0o177:
                wide.append((name, oct(found)))
    return look
if sys.argv[3] == "careless":
    careful = os.open
    os.open = lambda path, flags, mode=0o777, **kw: careful(path, flags, mode and 0o644, **kw)
os.umask(0)
settings = json.loads(sys.argv[2])
sys.settrace(lambda frame, *_: look if "mediastack" in frame.f_code.co_filename else None)
secrets.apply(settings, {"app/mine": "value"})
sys.settrace(None)
print(json.dumps(wide))
"""


@pytest.mark.parametrize("care", ["careful", "careless"])
def test_no_secret_is_readable_by_others_between_any_two_lines_of_the_program(house, care):
    house.secret("app/key")
    house.secret("b/key", origin="copy", source="app/key")
    house.secret("app/mine", origin="user")
    house.file("@@SECRET b/key@@")
    done = subprocess.run(
        [sys.executable, "-c", TOO_WIDE, str(house.secrets), json.dumps(house.settings), care],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert bool(json.loads(done.stdout)) == (care == "careless")
    assert house.read("b/key") == house.read("app/app.conf")


def test_mending_an_open_file_narrows_it_before_it_changes_hands(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("x")
    os.chmod(path, 0o644)
    modes = []
    chown = os.fchown
    monkeypatch.setattr(
        os, "fchown", lambda *arguments: (modes.append(mode(path)), chown(*arguments))
    )

    secret_files.mend_attributes(str(path), **ME, mode=0o400)

    assert modes == [0o400] and mode(path) == 0o400


@pytest.fixture
def verb(house, monkeypatch):
    def run(function, stdin, arguments=()):
        config = house.base / "mediastack.toml"
        paths = house.settings["paths"]
        lines = ["schema = 1", "[paths]", *(f'{k} = "{v}"' for k, v in paths.items())]
        for table in ("secrets", "secret_files"):
            for entry in house.settings[table]:
                lines += [f"[[{table}]]", *(f"{k} = {json.dumps(v)}" for k, v in entry.items())]
        config.write_text("\n".join(lines))
        monkeypatch.setenv("MEDIASTACK_CONFIG", str(config))
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return function(list(arguments))

    return run


def test_verbs_print_json_without_any_value(house, verb, capsys):
    house.secret("app/mine", origin="user")
    house.secret("app/key")
    given = json.dumps({"values": {"app/mine": "canary"}})

    assert verb(secrets.check_main, given) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"path": str(house.secrets / "app/mine"), "problem": "missing"} in found
    assert verb(secrets.apply_main, given) == 0
    answer = capsys.readouterr()
    assert str(house.secrets / "app/key") in json.loads(answer.out)["changed"]
    assert json.loads(answer.out)["unused"] == []
    assert verb(secrets.check_main, "") == 0
    last = capsys.readouterr()
    assert json.loads(last.out) == []
    assert "canary" not in answer.out + answer.err + last.out


@pytest.mark.parametrize(
    "stdin", ['{"app/mine": "canary"', '["canary"]', '{"values": {"app/mine": 1}}']
)
def test_damaged_input_is_refused_without_being_quoted(house, verb, capsys, stdin):
    assert verb(secrets.apply_main, stdin) == 1
    answer = capsys.readouterr()
    assert "stdin" in answer.err and "canary" not in answer.err + answer.out


def test_verb_names_the_missing_secret_and_fails(house, verb, capsys):
    house.secret("app/mine", origin="user")

    assert verb(secrets.apply_main, "{}") == 1
    assert "app/mine" in capsys.readouterr().err


def test_verb_with_arguments_is_wrong_usage(verb, capsys):
    assert verb(secrets.check_main, "", ["x"]) == 2
    assert "usage" in capsys.readouterr().err
