"""mediastack.secrets with its surveyor and hands: right place, owner, mode; never too wide."""

import contextlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import threading

import pytest

from mediastack import secret_files, secret_survey, secrets
from mediastack.secret_files import SecretError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
ME = {"uid": os.getuid(), "gid": os.getgid()}


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class House:
    """A little house in a temporary directory."""

    def __init__(self, base):
        self.base = base
        self.secrets = base / "etc" / "secrets"
        self.settings = {
            "paths": {"etc": str(base / "etc"), "config": str(base / "config")},
            "secrets": [],
            "secret_files": [],
        }
        (base / "templates").mkdir()
        (base / "etc").mkdir()
        (base / "config").mkdir()

    def secret(self, name, origin="generated", **changes):
        service, _, name = name.partition("/")
        entry = {"service": service, "name": name, "origin": origin, "kind": "password"}
        self.settings["secrets"].append({**entry, "source": "", "required": True, **ME, **changes})

    def file(self, text, destination="app/app.conf", **changes):
        template = self.base / "templates" / f"{len(self.settings['secret_files'])}.conf"
        template.write_text(text)
        seed = changes.get("seed", False)
        target = (self.base / "config" if seed else self.secrets) / destination
        entry = {"service": "app", "template": str(template), "destination": str(target)}
        self.settings["secret_files"].append({**entry, "mode": "0400", **ME, **changes})
        return target

    def apply(self, **given):
        return secrets.apply(self.settings, given)

    def check(self, **given):
        found = secrets.check(self.settings, given)
        return {os.path.relpath(entry["path"], self.base): entry["problem"] for entry in found}

    def read(self, name):
        return (self.secrets / name).read_text()


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("hex32", r"[0-9a-f]{32}"),
        ("token", r"tk_[a-z0-9]{29}"),
        ("password", r"[A-Za-z0-9]{24}"),
        ("opaque", r"[A-Za-z0-9]{43}"),
    ],
)
def test_generated_secret_has_the_shape_its_reader_wants_and_no_newline(house, kind, shape):
    house.secret("app/key", kind=kind)

    house.apply()

    assert re.fullmatch(shape, house.read("app/key"))
    assert mode(house.secrets / "app/key") == 0o400
    assert mode(house.secrets / "app") == 0o700 and mode(house.secrets) == 0o700


def test_generated_secret_is_made_once(house):
    house.secret("app/key")
    house.apply()
    first = house.read("app/key")

    assert house.apply() == [] and house.check() == {}
    assert house.read("app/key") == first


def test_two_secrets_are_never_equal(house):
    for index in range(20):
        house.secret(f"app/key{index}")
    house.apply()

    assert len({house.read(f"app/key{index}") for index in range(20)}) == 20


def test_unknown_kind_is_refused(house):
    house.secret("app/key", kind="emoji")

    with pytest.raises(SecretError, match="emoji"):
        house.apply()


def test_check_predicts_exactly_what_apply_changes_and_changes_nothing(house):
    house.secret("app/key", kind="hex32")
    house.secret("other/key", origin="copy", source="app/key")
    house.secret("app/mine", origin="user")
    house.file("a=@@SECRET app/key@@ b=@@SECRET app/mine bcrypt@@")
    house.file("@@SECRET other/key@@", "app/x.xml", seed=True)
    given = {"app/mine": "value"}

    predicted = house.check(**given)
    assert os.listdir(house.secrets.parent) == []
    changed = {os.path.relpath(path, house.base) for path in house.apply(**given)}

    assert set(predicted) == changed
    assert set(predicted.values()) == {"missing"}
    assert house.check(**given) == {}


def test_lost_source_is_predicted_with_all_that_follows_from_it(house):
    house.secret("app/key")
    house.secret("other/key", origin="copy", source="app/key")
    house.file("@@SECRET other/key@@")
    house.apply()
    (house.secrets / "app/key").unlink()

    predicted = house.check()
    changed = {os.path.relpath(path, house.base) for path in house.apply()}

    assert predicted == {
        "etc/secrets/app/key": "missing",
        "etc/secrets/other/key": "stale copy",
        "etc/secrets/app/app.conf": "differs",
    }
    assert changed == set(predicted)
    assert house.read("other/key") == house.read("app/key") == house.read("app/app.conf")


def test_stale_copy_is_named_and_mended(house):
    house.secret("app/key")
    house.secret("other/key", origin="copy", source="app/key")
    house.apply()
    os.chmod(house.secrets / "other/key", 0o600)
    (house.secrets / "other/key").write_text("old")
    os.chmod(house.secrets / "other/key", 0o400)

    assert house.check() == {"etc/secrets/other/key": "stale copy"}
    house.apply()
    assert house.read("other/key") == house.read("app/key")


@pytest.mark.parametrize("source", ["app/none", "", "third/key"])
def test_copy_of_nothing_or_of_a_copy_is_refused(house, source):
    house.secret("app/key")
    house.secret("third/key", origin="copy", source="app/key")
    house.secret("other/key", origin="copy", source=source)

    with pytest.raises(SecretError, match="other/key"):
        house.check()


@pytest.mark.parametrize("wrong", [0o444, 0o440, 0o600, 0o000])
def test_wrong_mode_is_mended_in_place(house, wrong):
    house.secret("app/key")
    house.apply()
    path = house.secrets / "app/key"
    before = path.stat().st_ino
    os.chmod(path, wrong)

    assert house.check() == {"etc/secrets/app/key": "wrong mode"}
    assert house.apply() == [str(path)]
    assert mode(path) == 0o400 and path.stat().st_ino == before


def test_directory_that_others_may_enter_is_closed(house):
    house.secret("app/key")
    house.apply()
    os.chmod(house.secrets / "app", 0o755)

    assert house.check() == {"etc/secrets/app": "wrong mode"}
    house.apply()
    assert mode(house.secrets / "app") == 0o700


@root_only
def test_files_belong_to_their_reader_and_directories_to_root(house):
    house.secret("app/key", uid=1234, gid=2345)
    house.secret("app/mine", origin="user", uid=1234, gid=2345)
    target = house.file("@@SECRET app/key@@", uid=1234, gid=2345)
    given = {"app/mine": "x"}
    house.apply(**given)

    for path in (house.secrets / "app/key", house.secrets / "app/mine", target):
        assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1234, 2345, 0o400)
    assert (house.secrets / "app").stat().st_uid == 0
    os.chown(house.secrets / "app/key", 99, 99)
    assert house.check(**given) == {"etc/secrets/app/key": "wrong owner"}
    house.apply(**given)
    assert (house.secrets / "app/key").stat().st_uid == 1234


def test_user_secret_is_stored_without_its_trailing_newline(house):
    house.secret("app/mine", origin="user")

    house.apply(**{"app/mine": "va lue\r\n"})

    assert (house.secrets / "app/mine").read_bytes() == b"va lue"


def test_changed_user_secret_replaces_the_old_one_and_its_copies(house):
    house.secret("app/mine", origin="user")
    house.secret("b/mine", origin="copy", source="app/mine")
    house.apply(**{"app/mine": "old"})

    assert house.check(**{"app/mine": "new"}) == {
        "etc/secrets/app/mine": "differs",
        "etc/secrets/b/mine": "stale copy",
    }
    house.apply(**{"app/mine": "new"})
    assert house.read("app/mine") == house.read("b/mine") == "new"


def test_user_secret_that_is_not_given_this_time_stays(house):
    house.secret("app/mine", origin="user")
    house.apply(**{"app/mine": "value"})

    assert house.check() == {} and house.apply() == []
    assert house.read("app/mine") == "value"


@pytest.mark.parametrize("given", [{}, {"app/mine": ""}, {"app/mine": "\n"}])
def test_required_user_secret_that_is_missing_is_an_error_that_names_it(house, given):
    house.secret("app/mine", origin="user")
    house.secret("app/key")

    with pytest.raises(SecretError, match="app/mine is required"):
        house.apply(**given)
    # Nothing is done by halves: the error comes before the first change.
    assert not house.secrets.exists()
    assert "required" in house.check(**given)["etc/secrets/app/mine"]


def test_required_user_secret_given_empty_does_not_wipe_the_stored_one(house):
    house.secret("app/mine", origin="user")
    house.apply(**{"app/mine": "value"})

    with pytest.raises(SecretError, match="app/mine"):
        house.apply(**{"app/mine": ""})
    assert house.read("app/mine") == "value"


@pytest.mark.parametrize("given", [{}, {"app/mine": ""}])
def test_optional_user_secret_that_is_missing_is_skipped_and_fills_in_as_nothing(house, given):
    house.secret("app/mine", origin="user", required=False)
    house.secret("b/mine", origin="copy", source="app/mine")
    target = house.file("[@@SECRET app/mine@@]")

    house.apply(**given)

    assert not (house.secrets / "app/mine").exists()
    assert not (house.secrets / "b/mine").exists()
    assert target.read_text() == "[]" and house.check(**given) == {}


def test_empty_generated_secret_is_reported_and_never_overwritten(house):
    house.secret("app/key")
    house.apply()
    path = house.secrets / "app/key"
    path.unlink()
    path.touch(mode=0o400)

    assert house.check()["etc/secrets/app/key"].startswith("empty")
    with pytest.raises(SecretError, match="app/key"):
        house.apply()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("thing", ["symlink", "fifo", "directory"])
def test_secret_that_is_no_plain_file_is_refused_and_left(house, thing):
    house.secret("app/key")
    house.apply()
    path = house.secrets / "app/key"
    path.unlink()
    (house.base / "elsewhere").write_text("x")
    {
        "symlink": lambda: path.symlink_to(house.base / "elsewhere"),
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
    }[thing]()

    with pytest.raises(SecretError, match="app/key"):
        house.apply()
    assert os.path.lexists(path) and (house.base / "elsewhere").read_text() == "x"


@pytest.mark.parametrize("name", ["../key", "app/../x", "app", "/etc/x", "app/a/b", ".app/x"])
def test_names_that_lead_elsewhere_are_refused(house, name):
    house.secret(name)

    with pytest.raises(SecretError, match="is not service/name"):
        house.check()


def test_template_is_filled_with_every_spelling(house):
    house.secret("app/mine", origin="user")
    target = house.file(
        "<k>@@SECRET app/mine xml@@</k> @@SECRET app/mine@@ @@SECRET app/mine md5@@"
    )

    house.apply(**{"app/mine": "a&b"})

    assert target.read_text() == "<k>a&amp;b</k> a&b b96e7bda9c9feee3259b177bd456b0a5"


def test_rendering_again_finds_nothing_to_do_with_salted_filters(house):
    house.secret("app/key")
    target = house.file("@@SECRET app/key bcrypt@@ @@SECRET app/key pbkdf2@@")
    house.apply()
    first = target.read_text()

    assert house.apply() == []
    secret_survey.secret_filters._bcrypt.cache_clear()
    assert house.check() == {} and target.read_text() == first


def test_value_that_looks_like_a_placeholder_stays_what_it_is(house):
    house.secret("app/mine", origin="user")
    house.secret("app/other", origin="user")
    target = house.file("@@SECRET app/mine@@")

    house.apply(**{"app/mine": "@@SECRET app/other@@", "app/other": "leak"})

    assert target.read_text() == "@@SECRET app/other@@"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@@SECRET app/none@@", "unknown secret 'app/none'"),
        ("@@SECRET app/key rot13@@", "app/key.*rot13"),
        ("@@SECRET@@", "is not @@SECRET service/name"),
        ("@@SECRET app/key md5 xml@@", "is not @@SECRET service/name"),
        ("@@SECRET app/key", "not closed"),
    ],
)
def test_template_error_names_template_and_secret(house, text, message):
    house.secret("app/key")
    house.apply()
    house.file(text)

    with pytest.raises(SecretError, match=message) as caught:
        house.apply()
    assert "templates/0.conf" in str(caught.value)


def test_missing_template_is_an_error_that_names_it(house):
    house.file("")
    (house.base / "templates/0.conf").unlink()

    with pytest.raises(SecretError, match="templates/0.conf"):
        house.check()


def test_changed_template_is_named_and_applied(house):
    house.secret("app/key")
    target = house.file("old @@SECRET app/key@@")
    house.apply()
    template = house.base / "templates/0.conf"
    template.write_text("new @@SECRET app/key@@")

    assert house.check() == {"etc/secrets/app/app.conf": "differs"}
    house.apply()
    assert target.read_text().startswith("new ")


def test_touched_template_with_the_same_content_is_no_difference(house):
    house.secret("app/key")
    house.file("@@SECRET app/key@@")
    house.apply()
    os.utime(house.base / "templates/0.conf", (2**31, 2**31))

    assert house.check() == {}


def test_seed_is_written_once_and_then_left_to_the_app(house):
    house.secret("app/key")
    target = house.file("@@SECRET app/key@@", "app/deep/er/app.xml", seed=True, mode="0600")
    house.apply()
    assert target.read_text() == house.read("app/key") and mode(target) == 0o600
    target.write_text("the app's own")
    os.chmod(target, 0o644)

    assert house.check() == {} and house.apply() == []
    assert target.read_text() == "the app's own"


@root_only
def test_directories_made_for_a_seed_belong_to_the_service(house):
    target = house.file("x", "app/deep/app.xml", seed=True, uid=1234, gid=2345)
    house.apply()

    for path in (target, target.parent, target.parent.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)
    assert (house.base / "config").stat().st_uid == 0


def test_seed_does_not_follow_a_link_that_the_app_planted(house):
    (house.base / "outside").mkdir()
    (house.base / "config/app").mkdir()
    (house.base / "config/app/deep").symlink_to(house.base / "outside")
    house.file("x", "app/deep/app.xml", seed=True)

    with pytest.raises(SecretError, match="'deep' on the way there is no directory"):
        house.apply()
    assert os.listdir(house.base / "outside") == []


def test_seed_outside_the_config_directory_is_refused(house):
    house.file("x", "../../outside.xml", seed=True)

    with pytest.raises(SecretError, match="belongs below"):
        house.apply()


def test_secrets_of_a_removed_service_are_kept_and_listed(house):
    house.secret("app/key")
    house.secret("gone/key")
    house.apply()
    kept = house.read("gone/key")
    house.settings["secrets"].pop()

    assert house.check() == {} and house.apply() == []
    assert house.read("gone/key") == kept
    assert secrets.unused(house.settings) == [str(house.secrets / "gone")]


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
