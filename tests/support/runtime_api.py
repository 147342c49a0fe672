"""A Lambda Runtime API and the one function that it drives, as Lambda's own documentation describes them.

A binary, its environment and raw event bytes enter; what the function answered leaves, byte for byte,
with the time it took. Fails with `FunctionError` if the process ends, reports an init error, or does
not answer in time. Only one event is in flight, as in one execution environment.
"""

import contextlib
import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.process import plain_environment, scratch

_PREFIX = "/2018-06-01/runtime"
_TRACE = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"
_ARN = "arn:aws:lambda:ap-northeast-1:000000000000:function:cross-region"


class FunctionError(RuntimeError):
    """The function ended, failed to start, or did not answer in time."""


@dataclass(frozen=True)
class Answer:
    """What the function posted: `kind` is `response`, `error` or `init-error`."""

    kind: str
    body: bytes
    at_ns: int

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class _Event:
    request_id: str
    body: bytes
    deadline_ms: int


class RuntimeApi:
    """The HTTP side: hands out events at `next`, takes answers at `response` and `error`."""

    def __init__(self) -> None:
        self.events: queue.Queue[_Event | None] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.first_poll = threading.Event()
        self.in_flight: str | None = None
        self._server = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def put(self, body: bytes, deadline_s: float) -> None:
        deadline_ms = int((time.time() + deadline_s) * 1000)
        self.events.put(_Event(str(uuid.uuid4()), body, deadline_ms))

    def close(self) -> None:
        self.events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is stopped breaks its connection: no news."""


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in separate writes: without this, the second waits for the function's ACK.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path != f"{_PREFIX}/invocation/next":
                return self._reply(404, b"")
            api.first_poll.set()
            event = api.events.get()
            if event is None:
                self.close_connection = True
                return None
            api.in_flight = event.request_id
            return self._reply(
                200,
                event.body,
                {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": event.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
                    "Lambda-Runtime-Invoked-Function-Arn": _ARN,
                    "Lambda-Runtime-Trace-Id": _TRACE,
                },
            )

        def do_POST(self) -> None:
            at_ns = time.perf_counter_ns()
            body = self._body()
            kinds = {f"{_PREFIX}/init/error": "init-error"}
            if api.in_flight is not None:
                for kind in ("response", "error"):
                    kinds[f"{_PREFIX}/invocation/{api.in_flight}/{kind}"] = kind
            kind = kinds.get(self.path)
            if kind is None:
                return self._reply(400, b'{"errorType":"InvalidRequestID"}')
            api.in_flight = None
            api.answers.put(Answer(kind, body, at_ns))
            return self._reply(202, b'{"status":"OK"}')

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)

        def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The function's log is what tests read."""

    return Handler


class Function:
    """One execution environment: a process, its Runtime API, its log."""

    def __init__(
        self,
        api: RuntimeApi,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        home: Path,
        enter: Callable[[], None] | None,
    ):
        self._api = api
        self._log_path = home / "function.log"
        self._log = self._log_path.open("wb")
        self.started_ns = time.perf_counter_ns()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=enter,
        )

    def invoke(self, event: Any, deadline_s: float = 30.0) -> Answer:
        """Sends an event — bytes as they are, anything else as JSON — and waits for the answer."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._api.put(body, deadline_s)
        return self.answer(deadline_s + 5)

    def answer(self, within_s: float) -> Answer:
        deadline = time.monotonic() + within_s
        while True:
            with contextlib.suppress(queue.Empty):
                return self._api.answers.get(timeout=0.2)
            if self.process.poll() is not None and self._api.answers.empty():
                raise FunctionError(f"exited with {self.process.returncode}:\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise FunctionError(f"no answer within {within_s} s:\n{self.log()[-4000:]}")

    def log(self) -> str:
        """All that the process wrote to stdout and stderr so far."""
        return self._log_path.read_text(errors="replace")

    def memory_kib(self, field: str) -> int:
        """A line of the process's memory account: `VmHWM` is its peak, `VmRSS` what it holds now."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise FunctionError(f"no {field} in the process's status")

    def cpu_ms(self) -> float:
        """Time that the process's threads have run so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def connections(self) -> int:
        """TCP sockets that the process holds, the one to the Runtime API included."""
        sockets = set()
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:"):
                    sockets.add(target.removeprefix("socket:[").removesuffix("]"))
        tables = [Path(f"/proc/{self.process.pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
        inodes = {line.split()[9] for table in tables for line in table.splitlines()[1:]}
        return len(sockets & inodes)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextlib.contextmanager
def function(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    table: Any = None,
    first_event: bytes | None = None,
    enter: Callable[[], None] | None = None,
) -> Iterator[Function]:
    """Runs `command` as a function would run.

    `first_event` waits for it before it starts; `enter` is called in the new process before it becomes
    `command`, to enter a control group.
    """
    with scratch("function") as home:
        api = RuntimeApi()
        variables = {
            **plain_environment(home),
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "cross-region",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/cross-region",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0",
            "LAMBDA_TASK_ROOT": str(home),
            "_HANDLER": "bootstrap",
            **environment,
        }
        if table is not None:
            variables["OPERATION_TABLE"] = json.dumps(table)
        if first_event is not None:
            api.put(first_event, 30.0)
        running = Function(api, command, variables, home, enter)
        try:
            yield running
        finally:
            running.stop()
            api.close()
