"""What botocore's own clients would send, its event handlers included.

Enters: one JSON array of calls on standard input, each `{service, operation, parameters, region}`; a
string `base64:…` among the parameters stands for bytes. Leaves: the requests as one JSON array, bodies in
base64. Nothing is sent: the last event before the socket ends the call.
"""

import base64
import contextlib
import json
import sys
from typing import Any

import botocore.session
from botocore.config import Config

CREDENTIALS = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "aws_account_id": "123456789012",
}


def sent(call: dict[str, Any]) -> dict[str, Any]:
    config = Config(retries={"total_max_attempts": 1})
    session = botocore.session.Session()
    client = session.create_client(call["service"], region_name=call["region"], config=config, **CREDENTIALS)
    seen: list[dict[str, Any]] = []

    def record(request: Any, **_: Any) -> None:
        body = request.body or b""
        seen.append(
            {
                "method": request.method,
                "url": request.url,
                "headers": {name: _text(value) for name, value in request.headers.items()},
                "body": base64.b64encode(body if isinstance(body, bytes) else _read(body)).decode(),
            }
        )
        raise _SentError

    client.meta.events.register("before-send.*.*", record)
    with contextlib.suppress(_SentError):
        client._make_api_call(call["operation"], _decoded(call["parameters"]))
    (request,) = seen
    return request


class _SentError(Exception):
    """Ends a call where it would reach the socket."""


def _read(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body.read()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _decoded(value: Any) -> Any:
    match value:
        case str() if value.startswith("base64:"):
            return base64.b64decode(value.removeprefix("base64:"))
        case dict():
            return {name: _decoded(member) for name, member in value.items()}
        case list():
            return [_decoded(element) for element in value]
    return value


if __name__ == "__main__":
    json.dump([sent(call) for call in json.load(sys.stdin)], sys.stdout)
