"""A door between functions and the local AWS through which whole Regions can be cut off.

The URL of a local AWS enters; an `Outage` leaves, whose `url` serves instead. A request that is signed for a Region
that is cut is swallowed: the connection stays open and nothing is said, as when a Region goes dark. The local AWS
itself keeps serving those who ask it directly.
"""

import contextlib
import http.client
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/")
_PER_CONNECTION = {"connection", "transfer-encoding", "content-length"}


class Outage:
    def __init__(self) -> None:
        self.cut: set[str] = set()
        self.behind = ""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def swallow(self) -> None:
        self._ended.wait()

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(outage: Outage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scope = _SCOPE.search(self.headers.get("Authorization", ""))
            if scope and scope[1] in outage.cut:
                self.close_connection = True
                outage.swallow()
                return
            behind = http.client.HTTPConnection(urlsplit(outage.behind).netloc, timeout=60)
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _PER_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            behind.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def outage() -> Iterator[Outage]:
    """`behind` is to be set before anyone asks: the local AWS is started after the door that it tells functions of."""
    door = Outage()
    try:
        yield door
    finally:
        door.stop()
