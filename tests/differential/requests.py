"""What botocore's own clients put on the wire, for every operation.

    python -m differential.requests --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, operation, parameters as an event would carry them, and the request as
it left botocore's handlers and signers, caught before it reaches a socket. An operation that botocore refuses
has `refused` with its words instead of a request.
"""

import argparse
import base64
import io
import json
import os
import sys

import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, MissingDependencyException

from differential.values import Values

REGION = "us-west-2"


class Caught(Exception):
    """Carries the request out of botocore."""

    def __init__(self, request):
        super().__init__("caught")
        self.request = request


#: What services answer that are asked where they are.
ADDRESS = {"Endpoints": [{"Address": "cell1.timestream.us-west-2.amazonaws.com", "CachePeriodInMinutes": 1440}]}


class Client:
    """One of botocore's clients, whose requests are caught."""

    def __init__(self, session, service, **config):
        config = Config(region_name=REGION, retries={"total_max_attempts": 1, "mode": "standard"}, **config)
        self.client = session.create_client(service, config=config)
        self.client.meta.events.register_first("before-send", self.catch)
        self.operation = None

    def catch(self, request, event_name, **_):
        if event_name.endswith(".DescribeEndpoints") and self.operation != "DescribeEndpoints":
            return AWSResponse(request.url, 200, {}, Raw(json.dumps(ADDRESS).encode()))
        raise Caught(request)

    def call(self, operation, given):
        self.operation = operation.name
        # Not by method name: botocore hides some operations, and what is hidden still has a model.
        try:
            self.client._make_api_call(operation.name, given)
        except Caught as caught:
            return caught.request
        raise AssertionError(f"{operation.name} was answered without a request")


class Raw(io.BytesIO):
    """A body as botocore's HTTP library hands it over."""

    def stream(self, *_, **__):
        yield self.read()


def operations(session, service):
    model = session.get_service_model(service)
    return [model.operation_model(name) for name in model.operation_names]


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
            request = client.call(operation, given)
        except MissingDependencyException:
            # SigV4A needs a native library; all but the signature is compared.
            line["unsigned"] = True
            request = Client(session, service, signature_version=UNSIGNED).call(operation, given)
        line["request"] = written(request)
    except (BotoCoreError, ValueError, TypeError, KeyError, AttributeError) as error:
        line["refused"] = f"{type(error).__name__}: {error}"
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=["sample", "shallow", "deep"], default="sample")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--service", nargs="*")
    arguments = parser.parse_args()
    shard, shards = map(int, arguments.shard.split("/"))

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", account_id="123456789012")
    services = arguments.service or session.get_available_services()
    for service in services[shard::shards]:
        try:
            client = Client(session, service)
            all_operations = operations(session, service)
        except BotoCoreError as error:
            print(json.dumps({"service": service, "refused": f"{type(error).__name__}: {error}"}))
            continue
        for operation in all_operations:
            print(json.dumps(case(session, client, service, operation, arguments.seed, arguments.mode)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
