"""A registry that is not well: what the box asks of the real one goes through here, and fails.

The packet filter sends what Docker asks the registry to this program, which runs as an account of
its own that is left out. `mode`: "500", "429" (every blob), "down" (the connection is closed),
"cut" (half of each blob), "slow" (each blob takes ten seconds longer). It ends with its stdin.
"""

import http.client
import http.server
import os
import subprocess
import sys
import threading
import time

PORT = 5055
ACCOUNT = 65534
SLOW_SECONDS = 10.0
TABLE = "check_registry"


class Proxy(http.server.BaseHTTPRequestHandler):
    """Hands a question on, or not."""

    protocol_version = "HTTP/1.1"
    mode = ""
    upstream = ""

    def do_GET(self) -> None:
        blob = "/blobs/" in self.path
        if blob and self.mode == "down":
            self.close_connection = True
            return
        if blob and self.mode in ("500", "429"):
            self.send_response(int(self.mode))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        # One by one: Docker names each kind of manifest in an Accept of its own.
        for name, value in self.headers.items():
            if name != "Connection":
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        if blob and self.mode == "slow":
            time.sleep(SLOW_SECONDS)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        if blob and self.mode == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


def rules(upstream: str) -> str:
    address, _, port = upstream.partition(":")
    return (
        f"table ip {TABLE} {{\n chain out {{\n  type nat hook output priority -100;\n"
        f"  ip daddr {address} tcp dport {port} meta skuid != {ACCOUNT} redirect to :{PORT};\n"
        " }\n}\n"
    )


def main(mode: str, upstream: str) -> None:
    Proxy.mode, Proxy.upstream = mode, upstream
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Proxy)
    subprocess.run(["nft", "-f", "-"], input=rules(upstream), text=True, check=True)
    try:
        os.setegid(ACCOUNT)
        os.seteuid(ACCOUNT)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        os.seteuid(0)
        subprocess.run(["nft", "delete", "table", "ip", TABLE], check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
