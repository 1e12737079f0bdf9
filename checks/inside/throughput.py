"""How fast it is through the tunnel, from a dependent's place: bytes a second, down and up.

Run in Gluetun's network namespace. The first moment of a connection does not count: TCP has to find
its pace. What is sent counts when the other end has acknowledged it.
"""

import fcntl
import socket
import struct
import termios
import time

PATIENCE_SECONDS = 5.0
BLOCK = bytes(1 << 18)
# More than any second of any tunnel; the connection is closed long before.
ENDLESS = 1 << 40


def unacknowledged(connection: socket.socket) -> int:
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


def moved(connection: socket.socket, up: bool, until: float) -> int:
    total = 0
    while time.monotonic() < until:
        if up:
            total += connection.send(BLOCK)
        else:
            part = connection.recv(1 << 20)
            if not part:
                raise OSError("the other end hung up")
            total += len(part)
    return total


def measure(host: str, up: bool, warm: float, seconds: float) -> float:
    if up:
        request = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {ENDLESS}\r\n\r\n"
    else:
        request = f"GET /bytes/{ENDLESS} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    with socket.create_connection((host, 80), PATIENCE_SECONDS) as connection:
        connection.sendall(request.encode())
        moved(connection, up, time.monotonic() + warm)
        waiting = unacknowledged(connection)
        started = time.monotonic()
        total = moved(connection, up, started + seconds)
        total += waiting - unacknowledged(connection)
        return total / (time.monotonic() - started)


def main(address: str, warm: float, seconds: float) -> "dict[str, float]":
    """Bytes a second in each direction."""
    return {
        "down": measure(address, False, warm, seconds),
        "up": measure(address, True, warm, seconds),
    }
