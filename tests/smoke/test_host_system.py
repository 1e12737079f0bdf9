"""The machine carries what the stacks stand on."""

from tests.smoke import expect_host as check


def test_package_is_installed(agree, package):
    agree(check.package, package)


def test_account_that_owns_the_media_exists(agree):
    agree(check.account)


def test_account_of_the_monitor_can_do_nothing_else(agree):
    agree(check.monitor)


def test_door_of_the_updater_is_where_it_should_be_and_opens_to_nobody_without_a_token(agree):
    agree(check.door)


def test_disk_guard_looks_and_knows_the_settings(agree):
    agree(check.disk_guard)


def test_unit_is_enabled_active_and_current(agree, unit):
    agree(check.unit, unit)


def test_helper_units_can_be_started(agree):
    agree(check.helpers)


def test_docker_runs_with_the_configuration_on_disk(agree):
    agree(check.docker_configuration)


def test_media_disk_is_mounted_marked_and_whole(agree):
    agree(check.data)


def test_downloads_become_media_by_hardlink(agree):
    agree(check.hardlinks)


def test_stack_manage_answers_with_the_deployed_release(agree):
    agree(check.release)
