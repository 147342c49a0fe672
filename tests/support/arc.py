"""A stand-in for the five endpoints of a Route 53 ARC cluster, since the local AWS has none.

Nothing enters; a running `Cluster` leaves, whose endpoints are HTTP servers on 127.0.0.1 that share the states of the
routing controls. It knows the two calls that set and read states, holds every request to be signed for its endpoint's
own Region, and counts the requests. It knows no safety rules and checks no signature. Endpoints can be cut off: then
nothing listens at their address.
"""

import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/route53-recovery-cluster/aws4_request")


class Cluster:
    """Five endpoints, and what became of the controls behind them."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._ports: dict[str, int] = {}
        for region in REGIONS:
            self.restore(region)

    def endpoints(self) -> list[dict[str, str]]:
        return [{"endpoint": f"http://127.0.0.1:{self._ports[region]}/v1", "region": region} for region in REGIONS]

    def cut(self, region: str) -> None:
        """From now on nothing listens there."""
        server = self._servers.pop(region)
        server.shutdown()
        server.server_close()

    def restore(self, region: str) -> None:
        """Listens again, at the address that it had."""
        address = ("127.0.0.1", self._ports.get(region, 0))
        server = ThreadingHTTPServer(address, _handler(self, region))
        server.daemon_threads = True
        self._ports[region] = server.server_address[1]
        self._servers[region] = server
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for region in list(self._servers):
            self.cut(region)

    def answer(self, region: str, target: str, scope: str, told: dict) -> tuple[int, dict]:
        self.requests[region] += 1
        if scope != region:
            return 403, {"__type": "AccessDeniedException", "message": f"signed for {scope}, not for {region}"}
        match target.rpartition(".")[2]:
            case "UpdateRoutingControlStates":
                entries = told["UpdateRoutingControlStateEntries"]
                self.states.update({entry["RoutingControlArn"]: entry["RoutingControlState"] for entry in entries})
                return 200, {}
            case "GetRoutingControlState":
                arn = told["RoutingControlArn"]
                return 200, {"RoutingControlArn": arn, "RoutingControlState": self.states.get(arn, "Off")}
        return 400, {"__type": "ValidationException", "message": "this stand-in knows two calls"}


def _handler(cluster: Cluster, region: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            scope = _SCOPE.search(self.headers.get("Authorization", ""))
            if self.path.rstrip("/") != "/v1":
                status, answer = 404, {"__type": "UnknownOperationException"}
            else:
                signed_for = scope[1] if scope else "nothing"
                status, answer = cluster.answer(region, self.headers["X-Amz-Target"], signed_for, told)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            # A kept connection would outlive the cutting of an endpoint.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    running = Cluster()
    try:
        yield running
    finally:
        running.stop()
