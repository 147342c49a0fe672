"""The edge of a distribution as a server, which may know of a write late, answer with an error, late, or not at all.

An `Edge` enters; an `EdgeServer` leaves, at whose URL it answers by HTTP, and what was asked of it. Without a word it
answers by the store as it is. `upcoming` says what comes before that, one for each question.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from support.edge import Edge

# An answer by the store as it was; a status in place of an answer; nobody listens, until it is restored.
Upcoming = Literal["late", "down"] | int


@dataclass(frozen=True)
class Question:
    """What the edge was asked, and what it said."""

    host: str
    path: str
    status: int
    text: str


@dataclass
class EdgeServer:
    edge: Edge
    asked: list[Question] = field(default_factory=list)
    upcoming: deque[Upcoming] = field(default_factory=deque)
    _late: Callable[[str], str] = lambda _: ""
    _answering: threading.Lock = field(default_factory=threading.Lock)
    _port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def answers(self, *upcoming: Upcoming) -> None:
        """Its next answers, before it answers by the store as it is. It listens, and forgets what it was asked."""
        if not self._server:
            self.restore()
        known = self.edge.entries()
        # Of what it does not learn of it tells the same each time.
        self._late = cache(lambda path: self._shows(path, known))
        self.asked = []
        self.upcoming = deque(upcoming)

    def restore(self) -> None:
        """Listens again, at the address that it had."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def cut(self) -> None:
        """From now on nothing listens there."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """What is asked meanwhile is answered afterwards, by what is known then."""
        with self._answering:
            yield

    def answer(self, host: str, path: str) -> Question:
        with self._answering:
            return self._answer(host, path)

    def _answer(self, host: str, path: str) -> Question:
        told = self.upcoming.popleft() if self.upcoming else None
        # Before the answer leaves, so that the next question finds nobody.
        if self.upcoming and self.upcoming[0] == "down":
            self.upcoming.popleft()
            self.cut()
        if isinstance(told, int):
            question = Question(host, path, told, "")
        else:
            question = Question(host, path, 200, self._late(path) if told == "late" else self._shows(path))
        self.asked.append(question)
        return question

    def _shows(self, path: str, knows: dict[str, str] | None = None) -> str:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        (text,) = self.edge.shows([path], now, knows)
        return text


def _handler(running: EdgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = running.answer(self.headers["Host"], self.path)
            body = question.text.encode()
            self.send_response(question.status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """What was asked is kept."""

    return Handler


@contextmanager
def serving(edge: Edge) -> Iterator[EdgeServer]:
    running = EdgeServer(edge)
    running.restore()
    try:
        yield running
    finally:
        running.cut()
