"""A second, independent local AWS: moto's server, for plain calls to S3, DynamoDB, SQS, EC2 and the like.

Nothing enters; a URL leaves, and the server is gone after the `with` block.
"""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator

from support import paths
from support.process import Server, free_port, plain_environment, scratch


@contextlib.contextmanager
def moto() -> Iterator[str]:
    with scratch("moto") as home:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        server = Server([paths.MOTO, "-H", "127.0.0.1", "-p", str(port)], plain_environment(home), home)
        try:
            server.wait_until(lambda: _answers(f"{url}/moto-api/"))
            yield url
        finally:
            server.stop()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
