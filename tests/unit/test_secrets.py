"""mediastack.secrets with its surveyor and hands: right place, owner, mode; never too wide."""

import os
import re

import pytest
from secrets_house import House, mode
from skips import root_only

from mediastack.secret_files import SecretError


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
