"""Every enabled service runs as the catalog describes it."""

from tests.smoke import expect_containers as check


def test_service_runs_and_is_healthy(agree, service):
    agree(check.runs, service)


def test_service_was_made_from_the_deployed_description(agree, service):
    agree(check.described, service)


def test_service_runs_the_locked_image(agree, service):
    agree(check.image, service)


def test_service_mounts_what_the_catalog_says(agree, service):
    agree(check.mounts, service)


def test_service_is_told_what_the_catalog_says(agree, service):
    agree(check.environment, service)


def test_service_links_downloads_to_media(agree, service):
    agree(check.hardlink, service)


def test_service_has_the_restart_policy_of_its_zone(agree, service):
    agree(check.restart_policy, service)


def test_service_has_exactly_its_capabilities(agree, service):
    agree(check.powers, service)


def test_service_runs_as_its_user(agree, service):
    agree(check.user, service)


def test_service_cannot_fill_the_disk_with_logs(agree, service):
    agree(check.logs, service)


def test_disabled_service_has_no_container(agree, disabled):
    agree(check.absent, disabled)


def test_no_container_is_of_an_unknown_service(agree):
    agree(check.no_strangers)


def test_what_was_stopped_on_purpose_stays_stopped(agree):
    agree(check.stays_stopped)


def test_only_the_socket_proxies_hold_dockers_socket(agree):
    agree(check.docker_socket)
