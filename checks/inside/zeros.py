"""An HTTP server on the public internet of a box that has every file: zeros, as many as asked for.

Runs in the helper container until its standard input ends, in the namespace where port 443 is open
to all: that is the public internet there.
"""

import ctypes
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = bytes(256 * 1024)
HTTPS_LISTENS = re.compile(r":01BB \S+ 0A ")


class Zeros(BaseHTTPRequestHandler):
    """Answers each range of /<bytes>/<name>."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        total = int(self.path.split("/")[1])
        found = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        first, last = (found.group(1), found.group(2)) if found else ("0", "")
        start, end = int(first), min(int(last or total - 1), total - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{total}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        left = end - start + 1
        while left > 0:
            self.wfile.write(CHUNK[:left])
            left -= len(CHUNK)

    def log_message(self, format: str, *arguments: object) -> None:
        """The tap has it."""


class Server(ThreadingHTTPServer):
    """A client that hangs up is no error."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


def public() -> str:
    """The network namespace where somebody listens on port 443."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/net/tcp6", encoding="ascii") as table:
                if HTTPS_LISTENS.search(table.read()):
                    return f"/proc/{pid}/ns/net"
        except OSError:
            continue
    raise SystemExit("there is no public internet here")


def main(port: int) -> None:
    if ctypes.CDLL(None).setns(os.open(public(), os.O_RDONLY), 0):
        raise SystemExit("its namespace cannot be entered")
    server = Server(("0.0.0.0", port), Zeros)  # noqa: S104 - any address is its own
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serves", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
