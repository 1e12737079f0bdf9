"""The second wall stands, and nobody is asked for names behind its back."""

from tests.smoke import expect_wall as check


def test_second_wall_stands_with_every_rule_and_address(agree):
    agree(check.second_wall)


def test_container_asks_names_where_it_may(agree, service):
    agree(check.names, service)
