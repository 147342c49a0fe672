"""A share of one CPU core, as Lambda gives a function by its memory size.

A share between 0 and 1 enters; a `Quota` leaves, which a new process enters before it runs. Control
groups of version 2 or 1 enforce it where they may be written; where not, the process is stopped and
continued by signals in the same rhythm. `how` says which.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PERIOD_US = 100_000


@dataclass(frozen=True)
class Quota:
    how: str
    enter: Callable[[], None] | None
    pace: Callable[[int], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def quota(share: float) -> Iterator[Quota]:
    slice_us = int(share * _PERIOD_US)
    name = f"bench-{os.getpid()}"
    for how, group, setting, text in (
        ("cgroup v2", Path("/sys/fs/cgroup") / name, "cpu.max", f"{slice_us} {_PERIOD_US}"),
        ("cgroup v1", Path("/sys/fs/cgroup/cpu") / name, "cpu.cfs_quota_us", str(slice_us)),
    ):
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / setting).exists():
                (group / setting).write_text(text)
                yield Quota(how, _entering(group), lambda _pid: contextlib.nullcontext())
                return
        finally:
            group.rmdir()
    yield Quota("stopped and continued by signals", None, lambda pid: _paced(pid, slice_us))


def _entering(group: Path) -> Callable[[], None]:
    return lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None


@contextlib.contextmanager
def _paced(pid: int, slice_us: int) -> Iterator[None]:
    done = threading.Event()

    def pace() -> None:
        while not done.wait(slice_us / 1e6):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                done.wait((_PERIOD_US - slice_us) / 1e6)
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=pace, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
