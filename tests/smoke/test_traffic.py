"""What the doors let through, and what they do not."""

from tests.smoke import expect_traffic as check


def test_dockers_packet_filter_is_in_force(agree):
    agree(check.packet_filter)


def test_socket_proxy_lets_through_only_what_its_clients_need(agree, socket):
    agree(check.proxy, socket)


def test_torrent_client_is_bound_to_the_tunnel(agree):
    agree(check.bound)


def test_torrent_client_listens_on_the_forwarded_port(agree):
    agree(check.forwarded)


def test_service_on_the_host_is_reached_from_inside_the_tunnel(agree, host_service):
    agree(check.host_service, host_service)


def test_nobody_sits_on_the_lock(agree):
    agree(check.lock)
