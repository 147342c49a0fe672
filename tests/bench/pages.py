"""Ten thousand S3 keys: one event that reads ten pages and selects the names, beside ten events of one page each.

A binary enters; the CPU time of its process for either leaves. A server with ten made-up pages stands in for S3, so
that nothing but the function is measured; both sides alternate in one process that is warm.
"""

import contextlib
import json
import statistics
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from support import aws
from support.runtime_api import Function, function

REGION = "us-west-2"
PAGES = 10
KEYS = 1000
_TABLE = [
    {"service": "s3", "actions": ["listObjectsV2"], "regions": [REGION], "endpoints": [], "roles": [], "results": []}
]


@dataclass(frozen=True)
class Cpu:
    """Milliseconds of CPU time, each the median of the runs."""

    raw_ms: float
    paginated_ms: float
    runs: int

    @property
    def ratio(self) -> float:
        return self.paginated_ms / self.raw_ms


def cpu(binary: Path, runs: int) -> Cpu:
    with _bucket() as url:
        # A page of a thousand keys is larger than a state may be.
        environment = {**aws.environment(url, "ap-northeast-1"), "RESULT_LIMIT": "6000000"}
        with function([binary], environment, _TABLE) as running:
            taken = [(_raw(running), _paginated(running)) for _ in range(runs + 1)][1:]
    raw, paginated = zip(*taken, strict=True)
    return Cpu(statistics.median(raw), statistics.median(paginated), runs)


def _raw(running: Function) -> float:
    before, names, token = running.cpu_ms(), [], None
    for _ in range(PAGES):
        parameters = {"Bucket": "covers"} | ({} if token is None else {"ContinuationToken": token})
        page = running.invoke(_event(parameters)).json()
        names += [item["Key"] for item in page["Contents"]]
        token = page.get("NextContinuationToken")
    return _checked(names, running.cpu_ms() - before)


def _paginated(running: Function) -> float:
    before = running.cpu_ms()
    result = running.invoke(_event({"Bucket": "covers"}, paginate={}, select="Contents[].Key")).json()
    return _checked(result["result"], running.cpu_ms() - before)


def _checked(names: list[str], ms: float) -> float:
    if len(set(names)) != PAGES * KEYS:
        raise RuntimeError(f"{len(set(names))} names, not {PAGES * KEYS}")
    return ms


def _event(parameters: dict[str, str], **more: object) -> dict[str, object]:
    return {"service": "s3", "action": "listObjectsV2", "region": REGION, "parameters": parameters, **more}


@contextlib.contextmanager
def _bucket() -> Iterator[str]:
    pages = [_page(at) for at in range(PAGES)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("continuation-token", ["0"])[0]
            body = pages[int(token)]
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(at: int) -> bytes:
    """As S3 writes it."""
    contents = "".join(
        f"<Contents><Key>covers/2026/11/{at * KEYS + key:06}.png</Key><LastModified>2026-11-25T10:00:00.000Z"
        f"</LastModified><ETag>&quot;{at * KEYS + key:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME"
        f"</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>{key * 977}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for key in range(KEYS)
    )
    more = at + 1 < PAGES
    next_token = f"<NextContinuationToken>{at + 1}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>covers</Name><Prefix/><KeyCount>{KEYS}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>{json.dumps(more)}</IsTruncated>{next_token}{contents}</ListBucketResult>"
    ).encode()
