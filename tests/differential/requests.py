"""What botocore's own clients put on the wire, for every operation.

    python -m differential.requests --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, operation, parameters as an event would carry them, and the request as
it left botocore's handlers and signers, caught before it reaches a socket. An operation that botocore refuses
has `refused` with its words instead of a request.
"""

import base64

from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, MissingDependencyException

from differential.clients import Client, operations
from differential.lines import write
from differential.values import Values


class Caught(Exception):
    """Carries the request out of botocore."""

    def __init__(self, request):
        super().__init__("caught")
        self.request = request


def catch(request):
    raise Caught(request)


def call(client, operation, given):
    try:
        client.call(operation, given)
    except Caught as caught:
        return caught.request
    raise AssertionError(f"{operation.name} was answered without a request")


def written(request):
    body = request.body
    if body is None:
        body = b""
    elif hasattr(body, "read"):
        body = body.read()
    elif isinstance(body, str):
        body = body.encode()
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    return {
        "method": request.method,
        "url": request.url,
        "headers": headers,
        "body": base64.b64encode(bytes(body)).decode(),
    }


def case(session, client, service, operation, seed, mode):
    line = {"service": service, "operation": operation.name}
    values = Values(operation.service_model, service, f"{seed} {mode} {service} {operation.name}", mode)
    given = {}
    line["parameters"] = {}
    if operation.has_event_stream_input:
        line["refused"] = "event stream"
        return line
    if operation.input_shape is not None:
        given, line["parameters"] = values.parameters(operation.input_shape)
    try:
        try:
            request = call(client, operation, given)
        except MissingDependencyException:
            # SigV4A needs a native library; all but the signature is compared.
            line["unsigned"] = True
            unsigned = Client(session, service, catch, signature_version=UNSIGNED)
            request = call(unsigned, operation, given)
        line["request"] = written(request)
    except (BotoCoreError, ValueError, TypeError, KeyError, AttributeError) as error:
        line["refused"] = f"{type(error).__name__}: {error}"
    return line


def lines(session, service, seed, mode):
    try:
        client = Client(session, service, catch)
        all_operations = operations(session, service)
    except BotoCoreError as error:
        yield {"service": service, "refused": f"{type(error).__name__}: {error}"}
        return
    for operation in all_operations:
        yield case(session, client, service, operation, seed, mode)


if __name__ == "__main__":
    write(__doc__, lines)
