"""The local AWS that runs everything: ministack, with Regions, Lambda, Step Functions, CloudFormation.

Options enter; a running `Ministack` leaves, and is gone after the `with` block. It runs the real
`bootstrap` as a child process, interprets real state machine definitions, and keeps Regions apart.
"""

import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import aws, paths
from support.process import Server, free_port, plain_environment, scratch


@dataclass(frozen=True)
class Ministack:
    url: str
    server: Server
    home: Path

    def client(self, service: str, region: str, **credentials: str):
        return aws.client(self.url, service, region, **credentials)

    def reset(self) -> None:
        """Forget everything that was made."""
        request = urllib.request.Request(f"{self.url}/_ministack/reset", method="POST")
        urllib.request.urlopen(request, timeout=30).close()


@contextlib.contextmanager
def ministack(names: bool = False, **options: str) -> Iterator[Ministack]:
    """Runs ministack; `options` are its own environment variables, such as `AUTH="true"`.

    With `names` its functions reach it as `localhost`, and by every name below: some calls put an account before the
    host.
    """
    with scratch("ministack") as home:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            **plain_environment(home),
            "GATEWAY_PORT": str(port),
            # Its default is every interface.
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # A container daemon of the user's is none of our business.
            "DOCKER_HOST": f"unix://{home}/no-docker",
            # Handed on to the functions that it runs.
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY,
            **options,
        }
        if names:
            environment["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
            environment["LD_PRELOAD"] = str(_local_names(home))
        server = Server([paths.MINISTACK], environment, home)
        try:
            server.wait_until(lambda: _answers(f"{url}/_ministack/health"))
            yield Ministack(url, server, home)
        finally:
            server.stop()


def _local_names(home: Path) -> Path:
    source = paths.ROOT / "tests" / "support" / "local_names.c"
    library = home / "local_names.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except (urllib.error.URLError, OSError):
        return False
    return True
