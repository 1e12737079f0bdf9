"""A resolver on the host's loopback that forwards what it is asked: arguments LISTEN UPSTREAM."""

import socket
import sys
import threading


def forward(server: socket.socket, query: bytes, client: "tuple[str, int]", upstream: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(2)
        try:
            asked.sendto(query, (upstream, 53))
            server.sendto(asked.recv(4096), client)
        except OSError:
            return  # whoever asked will ask again


def main(listen: str, upstream: str) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((listen, 53))
    while True:
        query, client = server.recvfrom(4096)
        threading.Thread(target=forward, args=(server, query, client, upstream)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
