"""Every file the deploy places is as it placed it."""

from tests.smoke import expect_files as check


def test_managed_path_is_as_deployed(agree, path):
    agree(check.managed_path, path)


def test_environment_of_the_host_programs_is_complete(agree):
    agree(check.environment)


def test_nothing_is_left_of_what_is_no_longer_wanted(agree):
    agree(check.left_behind)


def test_compose_overrides_follow_the_image_lock(agree, stack):
    agree(check.overrides, stack)
