"""A proxy that passes every request on as it came, and keeps what was asked.

The URL of a server enters, once it is known; a URL leaves, and the requests that came to it. Nothing is changed on the
way, the Host header neither, so that signatures stay what they are. Only an answer may be told in AWS's own words where
a local server has others.
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


@dataclass
class Passing:
    url: str
    requests: list[Request] = field(default_factory=list)
    """Where requests are passed on to."""
    target: str = ""

    def of(self, operation: str) -> list[Request]:
        return [one for one in self.requests if one.operation == operation]


@contextlib.contextmanager
def passing(
    say: Callable[[int, bytes], tuple[int, bytes]] = lambda status, body: (status, body), **again: str
) -> Iterator[Passing]:
    """`say` tells an answer in other words; `again` has headers, each with a name under which it is sent once more."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            proxy.requests.append(_read(self.headers, body))
            upstream = http.client.HTTPConnection(urlsplit(proxy.target).netloc, timeout=60)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            status, told = say(answer.status, answer.read())
            self.send_response_only(status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
                if name in again:
                    self.send_header(again[name], value)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told)
            upstream.close()

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
