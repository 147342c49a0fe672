"""A proxy that passes every request on as it came, and keeps what was asked.

The URL of a server enters, once it is known; a URL leaves, and the requests that came to it. Nothing is changed on the
way, the Host header neither, so that signatures stay what they are, unless somebody stands at the door (`around`), who
may answer instead, or change an answer.
"""

import contextlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """Who asked what, as far as a signature and a query protocol or a JSON protocol tell."""

    access_key: str
    region: str
    service: str
    operation: str
    form: dict[str, str]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Unanswered(Exception):
    """The connection ends without an answer."""


# Who stands at the door: asked what, and how to have it answered by the server behind.
Around = Callable[[Asked, Callable[[], Answer]], Answer]


@dataclass
class Passing:
    url: str
    requests: list[Request] = field(default_factory=list)
    """Where requests are passed on to."""
    target: str = ""

    def of(self, operation: str) -> list[Request]:
        return [one for one in self.requests if one.operation == operation]


@contextlib.contextmanager
def passing(around: Around = lambda _, forward: forward()) -> Iterator[Passing]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in separate writes: without this, the second waits for the other side's ACK.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            proxy.requests.append(_read(self.headers, body))
            try:
                answer = around(Asked(self.command, self.path, body), lambda: self.forward(body))
            except Unanswered:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def forward(self, body: bytes) -> Answer:
            upstream = http.client.HTTPConnection(urlsplit(proxy.target).netloc, timeout=60)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            told = Answer(answer.status, answer.getheaders(), answer.read())
            upstream.close()
            return told

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        def log_message(self, *_: object) -> None:
            """Nothing of it: requests are signed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = Passing(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _read(headers: http.client.HTTPMessage, body: bytes) -> Request:
    scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", headers.get("authorization", ""))
    key, region, service = scope.groups() if scope else ("", "", "")
    is_form = "x-www-form-urlencoded" in headers.get("content-type", "")
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()} if is_form else {}
    operation = form.get("Action") or headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    return Request(key, region, service, operation, form)
