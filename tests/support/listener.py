"""A socket that only listens: the proof of who called, and of who did not.

Nothing enters; a URL leaves, and the first bytes of every connection that was made to it.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """Accepts, keeps what came first on each connection, and closes it."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def accept() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(0.5)
                        seen.append(b"")
                        with contextlib.suppress(TimeoutError):
                            seen[-1] = connection.recv(65536)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        finally:
            done.set()
            thread.join()
