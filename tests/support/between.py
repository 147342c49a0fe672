"""What stands between workers and their AWS: it writes down every step, and can end a worker at any of them.

A local DynamoDB and the name of the table of records enter; a URL for each worker leaves, and the history of
all of them in one order. Requests for records go to the real DynamoDB. The call whose effect is counted goes
to a stub, because only a stub can say what took effect: Kinesis' PutRecord, which has no token; DynamoDB's
ExportTableToPointInTime, which remembers tokens; Kinesis' ListStreams, which only reads.
"""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

RECORD_OPERATIONS = {"PutItem": "put", "UpdateItem": "update", "DeleteItem": "delete", "GetItem": "get"}

# In the order in which an attempt meets them. "update" and "delete" write down what came of the call.
STEPS = (
    "before put",
    "after put",
    "before effect",
    "after effect",
    "before update",
    "after update",
)


@dataclass(frozen=True)
class Step:
    """One entry of the history. `what` is `begin`, `write`, `effect`, `end` or `died`."""

    what: str
    worker: str
    details: dict[str, Any]


class Cut(Exception):
    """The connection ends without an answer."""


@dataclass
class Between:
    """The server's state, shared by all workers."""

    backend: str
    history: list[Step] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: int = 0
    # Called at every step of a worker; may wait, end the worker, or raise Cut.
    at: Callable[[str, str], None] = lambda _worker, _step: None
    # Answers in place of DynamoDB, for what a local one cannot be made to do; by the operation's word.
    refuse: Callable[[str, str], tuple[int, str] | None] = lambda _worker, _operation: None
    # Answers in place of the service whose call is made.
    fail: Callable[[str], tuple[int, str] | None] = lambda _worker: None

    def note(self, what: str, worker: str, **details: Any) -> None:
        with self.lock:
            self.history.append(Step(what, worker, details))

    @contextlib.contextmanager
    def port(self, worker: str) -> Iterator[str]:
        """A URL of the worker's own."""
        server = _Http(("127.0.0.1", 0), _handler(self, worker))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def forward(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        url = urlparse(self.backend)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def take_effect(self, worker: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The service itself."""
        with self.lock:
            if operation == "ListStreams":
                self.note("effect", worker, reads=True)
                return {"StreamNames": [], "HasMoreStreams": False}
            token = request.get("ClientToken")
            if token is not None and token in self.tokens:
                return self.tokens[token]
            self.effects += 1
            self.note("effect", worker, sequence=str(self.effects), reads=False)
            if token is None:
                return {"ShardId": "shardId-0", "SequenceNumber": str(self.effects)}
            self.tokens[token] = {"ExportDescription": {"ExportArn": f"arn:export/{self.effects}"}}
            return self.tokens[token]


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that is ended breaks its connection: no news."""


def _handler(between: Between, worker: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = self.headers["X-Amz-Target"].split(".")[1]
            try:
                word = RECORD_OPERATIONS.get(operation)
                status, answer = self._record(word, body) if word else self._effect(operation, json.loads(body))
            except Cut:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _record(self, word: str, body: bytes) -> tuple[int, bytes]:
            between.at(worker, f"before {word}")
            if refusal := between.refuse(worker, word):
                return _error(*refusal)
            # Nothing comes between the write and its place in the history.
            with between.lock:
                status, answer = between.forward(self.path, dict(self.headers), body)
                between.note("write", worker, operation=word, request=json.loads(body), status=status, at=time.time())
            between.at(worker, f"after {word}")
            return status, answer

        def _effect(self, operation: str, request: dict[str, Any]) -> tuple[int, bytes]:
            between.at(worker, "before effect")
            if failure := between.fail(worker):
                return _error(*failure)
            answer = between.take_effect(worker, operation, request)
            between.at(worker, "after effect")
            return 200, json.dumps(answer).encode()

        def log_message(self, format: str, *args: Any) -> None:
            """The history is what tests read."""

    return Handler


def _error(status: int, code: str) -> tuple[int, bytes]:
    return status, json.dumps({"__type": code, "message": code}).encode()
