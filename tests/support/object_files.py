"""The stand-in for S3 that keeps objects in files, as a process: `tests/support/object_files.rs` says what it does.

A folder and buckets with their Regions enter; a running `ObjectFiles` leaves, which is asked for what
it holds. It is built by cargo, from what the Rust suites have compiled already.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from support import paths
from support.process import free_port, scratch

_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", paths.ROOT / "target"))


class ObjectFiles:
    def __init__(self, process: subprocess.Popen, url: str):
        self._process = process
        self.url = url

    def put(self, bucket: str, key: str, file: Path) -> None:
        """Makes the file an object, which it stays as long as the file is there."""
        self._ask(f"put {bucket} {key} {file}")

    def requests(self) -> dict[str, int]:
        """How often each operation was asked for since this was last asked."""
        return json.loads(self._ask("count"))

    def uploads(self, bucket: str, key: str) -> int:
        """Multipart uploads in progress."""
        return int(self._ask(f"uploads {bucket} {key}"))

    def content(self, bucket: str, key: str) -> str:
        """Size and checksum of an object, or `none`."""
        return self._ask(f"sum {bucket} {key}")

    def remove(self, bucket: str, key: str) -> None:
        self._ask(f"remove {bucket} {key}")

    def _ask(self, line: str) -> str:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def build() -> Path:
    build = ["cargo", "build", "--locked", "--quiet", "--package", "tests", "--bin", "object-files"]
    subprocess.run(build, cwd=paths.ROOT, check=True)
    return _TARGET / "debug" / "object-files"


@contextlib.contextmanager
def object_files(program: Path, buckets: Mapping[str, str]) -> Iterator[ObjectFiles]:
    with scratch("object-files") as folder:
        port = free_port()
        arguments = [f"{name}={region}" for name, region in buckets.items()]
        process = subprocess.Popen(
            [str(program), str(folder), str(port), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running = ObjectFiles(process, f"http://127.0.0.1:{port}")
        try:
            running.requests()
            yield running
        finally:
            process.stdin.close()
            process.wait()
