"""A way to Docker that can lose the stream of events, as proxies do after a while.

Everything that comes in at SOCKET goes on to Docker. While the file FLAG exists, connections on
which somebody listens to events without an end are cut, and so are new ones; all else works.
"""

import contextlib
import os
import socket
import threading
import time

DOCKER, SOCKET, FLAG = "/var/run/docker.sock", "/run/check-docker.sock", "/run/check-docker.cut"
PAUSE_SECONDS = 0.02
streams: "list[socket.socket]" = []


def end(*connections: socket.socket) -> None:
    for one in connections:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def endless(data: bytes) -> bool:
    request = data.partition(b"\r\n")[0]
    return b"/events" in request and b"until=" not in request


def pass_on(source: socket.socket, target: socket.socket, asking: bool) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if asking and endless(data):
                # Opened anew it would bring what was missed, before it is cut again.
                if os.path.exists(FLAG):
                    end(source, target)
                    return
                streams.append(source)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def serve(client: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as docker, client:
        try:
            docker.connect(DOCKER)
        except OSError:
            return
        back = threading.Thread(target=answers, args=(docker, client), daemon=True)
        back.start()
        pass_on(client, docker, asking=True)
        back.join()
        with contextlib.suppress(ValueError):
            streams.remove(client)


def answers(docker: socket.socket, client: socket.socket) -> None:
    pass_on(docker, client, asking=False)
    end(docker, client)


def cut() -> None:
    while True:
        if os.path.exists(FLAG):
            end(*streams)
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET)
    threading.Thread(target=cut, daemon=True).start()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(SOCKET)
        server.listen(64)
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
