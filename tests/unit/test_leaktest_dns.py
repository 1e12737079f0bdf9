"""DNS questions and answers of the leak test, over real sockets on this machine's loopback."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading

import pytest

from mediastack import leaktest_dns as dns


def answered(question: bytes, code: int = 0, address: bytes = b"") -> bytes:
    """An answer to a question, its name repeated by a pointer."""
    number = question[:2]
    header = number + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if address else 0, 0, 0)
    kind = 1 if len(address) == 4 else 28
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(address)) + address
    return header + question[12:] + (record if address else b"")


@pytest.mark.parametrize(
    ("family", "address", "wanted"),
    [(4, bytes([203, 0, 113, 80]), "203.0.113.80"), (6, bytes(15) + b"\1", "::1")],
)
def test_an_address_is_read_from_an_answer(family: int, address: bytes, wanted: str) -> None:
    question = dns.question("page.example.com", family, 7)
    assert dns.answer(answered(question, 0, address), 7, family) == dns.Reply(0, [wanted])


def test_a_code_is_told_and_another_questions_answer_is_refused() -> None:
    question = dns.question("page.example.com", 4, 7)
    assert dns.answer(answered(question, 3), 7, 4) == dns.Reply(3, [])
    with pytest.raises(ValueError, match="something else"):
        dns.answer(answered(question), 8, 4)
    with pytest.raises(ValueError, match="something else"):
        dns.answer(question, 7, 4)


def test_what_strangers_send_is_an_answer_or_a_value_error() -> None:
    randomness = random.Random(4)
    question = dns.question("page.example.com", 4, 7)
    whole = answered(question, 0, bytes(4))
    for _ in range(3000):
        packet = bytearray(whole[: randomness.randrange(len(whole) + 1)])
        for _ in range(randomness.randrange(4)):
            if packet:
                packet[randomness.randrange(len(packet))] = randomness.randrange(256)
        with contextlib.suppress(ValueError):
            dns.answer(bytes(packet), 7, 4)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example"])
def test_what_is_no_name_is_not_asked(name: str) -> None:
    with pytest.raises((ValueError, UnicodeError)):
        dns.question(name, 4, 1)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_question_is_answered_over_udp_and_tcp(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            server.listen()

        def serve() -> None:
            if kind == socket.SOCK_DGRAM:
                question, peer = server.recvfrom(512)
                server.sendto(answered(question, 0, bytes([192, 0, 2, 1])), peer)
                return
            connection, _ = server.accept()
            with connection:
                data = answered(connection.recv(512)[2:], 0, bytes([192, 0, 2, 1]))
                for byte in struct.pack("!H", len(data)) + data:
                    connection.send(bytes([byte]))

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(5)
            client.connect(server.getsockname())
            assert dns.ask(client, "page.example.com", 4).addresses == ["192.0.2.1"]
        thread.join()
