"""State can be backed up, is by itself, and its copies are nobody else's."""

from tests.smoke import expect_backups as check


def test_restic_runs(agree):
    agree(check.program)


def test_backups_come_by_themselves(agree):
    agree(check.timer)


def test_password_of_the_repositories_is_roots_alone(agree):
    agree(check.password)


def test_place_of_the_local_repository_is_roots_alone(agree):
    agree(check.repository)
