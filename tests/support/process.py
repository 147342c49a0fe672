"""A server process of ours: started on a free port, waited for, and stopped with all its children.

A command, its environment and a readiness check enter; a running `Server` leaves. Fails with
`ServerError`, which carries the end of the server's log, if it exits or stays silent.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LOG_TAIL = 4_000
_GRACE_S = 5.0


class ServerError(RuntimeError):
    """A server did not start, or ended when it should not have."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain_environment(home: Path) -> dict[str, str]:
    """An environment in which no profile, proxy or credential of the user's can leak into a test."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def children(pid: int, name: str) -> list[int]:
    """The processes that this one has started and that run a program of that name."""
    started = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())
    ids = [int(child) for listed in started for child in listed.read_text().split()]
    return [child for child in ids if Path(f"/proc/{child}/comm").read_text().strip() == name]


class Server:
    """A process in a session of its own, so that stopping it reaches the children it started too."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], home: Path):
        self.log_path = home / f"{Path(command[0]).name}.log"
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                env=dict(environment),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], bool], within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while not ready():
            if self._process.poll() is not None:
                raise ServerError(f"exited with {self._process.returncode}:\n{self.log()[-_LOG_TAIL:]}")
            if time.monotonic() > deadline:
                raise ServerError(f"not ready after {within_s:.0f} s:\n{self.log()[-_LOG_TAIL:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@contextlib.contextmanager
def scratch(name: str):
    """A directory of the server's own, removed with all that it wrote."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
