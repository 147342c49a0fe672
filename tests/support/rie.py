"""AWS's own Runtime Interface Emulator around the function: what `docker run` of a Lambda image would do.

A binary and its environment enter; a running `Rie` leaves, whose `invoke` takes raw event bytes and
gives back the bytes that the emulator answered with. Its timing and memory lines are not measurements.
"""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import paths
from support.process import Server, free_port, plain_environment, scratch


@dataclass(frozen=True)
class Rie:
    url: str
    server: Server

    def invoke(self, event: Any) -> bytes:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        request = urllib.request.Request(f"{self.url}/2015-03-31/functions/function/invocations", data=body)
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()


@contextlib.contextmanager
def rie(binary: Path, environment: Mapping[str, str], table: Any) -> Iterator[Rie]:
    with scratch("rie") as home:
        listen, runtime_api = free_port(), free_port()
        command = [
            paths.RIE,
            "--runtime-interface-emulator-address", f"127.0.0.1:{listen}",
            "--runtime-api-address", f"127.0.0.1:{runtime_api}",
            binary,
        ]  # fmt: skip
        variables = {
            **plain_environment(home),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            **environment,
            "OPERATION_TABLE": json.dumps(table),
        }
        server = Server(command, variables, home)
        try:
            url = f"http://127.0.0.1:{listen}"
            server.wait_until(lambda: _listens(url))
            yield Rie(url, server)
        finally:
            server.stop()


def _listens(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
