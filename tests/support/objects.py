"""An S3 that holds nothing: objects as long as their names say, and uploads that are only added up.

A URL leaves, and what was uploaded: size, SHA-256 and the bytes of each part. It takes a part only under its CRC32. A
server that kept objects would be the largest part of what is measured.
"""

import base64
import contextlib
import hashlib
import random
import threading
import urllib.parse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BLOCK = random.Random(17).randbytes(1 << 20)


@dataclass
class Uploaded:
    """What came of one multipart upload."""

    parts: list[int] = field(default_factory=list)
    sha256: Any = field(default_factory=hashlib.sha256)
    is_complete: bool = False

    @property
    def size(self) -> int:
        return sum(self.parts)


def sha256_of(size: int) -> str:
    """Of the object of that size."""
    digest = hashlib.sha256()
    for block in _blocks(size):
        digest.update(block)
    return digest.hexdigest()


def _blocks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(_BLOCK)):
        yield _BLOCK
    yield _BLOCK[: size % len(_BLOCK)]


@contextlib.contextmanager
def objects() -> Iterator[tuple[str, list[Uploaded]]]:
    uploads: list[Uploaded] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(uploads))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", uploads
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(uploads: list[Uploaded]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in separate writes: without this, the second waits for the other side's ACK.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            size = int(urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[1])
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(size))
            self.end_headers()
            for block in _blocks(size):
                self.wfile.write(block)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "uploads" in self._query():
                uploads.append(Uploaded())
                upload_id = f"<UploadId>{len(uploads)}</UploadId>"
                return self._reply(f"<InitiateMultipartUploadResult>{upload_id}</InitiateMultipartUploadResult>")
            self._upload().is_complete = True
            return self._reply("<CompleteMultipartUploadResult><ETag>all</ETag></CompleteMultipartUploadResult>")

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            crc32 = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
            if self.headers["x-amz-checksum-crc32"] != crc32:
                return self._reply("<Error><Code>BadDigest</Code></Error>", 400)
            upload = self._upload()
            upload.parts.append(len(body))
            upload.sha256.update(body)
            return self._reply("", etag=f'"{len(upload.parts)}"', **{"x-amz-checksum-crc32": crc32})

        def _upload(self) -> Uploaded:
            return uploads[int(self._query()["uploadId"][0]) - 1]

        def _query(self) -> dict[str, list[str]]:
            return urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)

        def _reply(self, text: str, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    return Handler
