"""Every secret is where its reader finds it, and nobody else."""

from tests.smoke import expect_secrets as check


def test_secret_is_there_for_its_one_reader(agree, secret):
    agree(check.declared, secret)


def test_secret_holds_the_right_value(agree, secret):
    agree(check.value, secret)


def test_seeded_configuration_is_its_apps_and_closed(agree, seed):
    agree(check.seeded, seed)


def test_nothing_below_the_secrets_is_open_to_others(agree):
    agree(check.private)


def test_no_secret_shows_in_docker_inspect_or_open_files(agree):
    agree(check.not_shown)
