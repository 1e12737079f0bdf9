"""Files that embed secrets: filled in on the host, seeds written once and then the app's."""

import os

import pytest
from secrets_house import House, mode
from skips import root_only

from mediastack import secret_survey, secrets
from mediastack.secret_files import SecretError


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


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
