"""Every container is in its zone, and reachable where it must be and nowhere else."""

from tests.smoke import expect_networks as check


def test_bridge_has_its_subnet_and_gateway(agree):
    agree(check.bridge)


def test_service_is_in_the_namespace_of_its_zone(agree, service):
    agree(check.zone, service)


def test_service_publishes_only_what_the_catalog_publishes(agree, service):
    agree(check.published, service)


def test_host_listens_only_where_something_is_published(agree):
    agree(check.listening)


def test_control_server_of_the_tunnel_is_not_published(agree):
    agree(check.control_server)


def test_no_foreign_container_is_in_a_namespace_of_ours(agree):
    agree(check.no_guests)


def test_socket_proxy_network_is_closed(agree, socket):
    agree(check.socket_network, socket)


def test_web_interface_answers_on_its_url(agree, web_interface):
    agree(check.web_interface, web_interface)
