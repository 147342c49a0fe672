"""Every service, live: what botocore's client gets from a local AWS, the function gets too.

For each service one read that needs no input and one that names a thing which is not there are sent twice,
by botocore and through the function, to the same server. The outcomes must be the same: the result, value
by value after the contract's mapping, or the error's code and status. A server that does not know a service
answers both with the same refusal, so nothing is left out; the closing test counts how many gave a result.
In `make prove` it is every such read of every service.
"""

import base64
import itertools
import json
import os
import struct
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.model import OperationModel, Shape
from botocore.parsers import ResponseParserError

from e2e.events import error, event, permit
from support import aws
from support.moto import moto
from support.runtime_api import function

REGION = "us-west-2"
READS = ("List", "Describe", "Get")
COUNT = None if "PROVE" in os.environ else 1
SERVICES = sorted(botocore.session.get_session().get_available_services())
# Services that only take a signature of version 2, which the function does not make.
REFUSED = {"importexport", "sdb"}
# It signs with version 4a, for which botocore needs its native extension; the servers see another request.
UNLIKE = {"partnercentral-channel"}
# moto answers what the models do not allow, and botocore takes it: a map for a list, times without their offset or
# with a space in them.
MALFORMED = {
    ("lex-models", "ListTagsForResource"),
    ("macie2", "GetMacieSession"),
    ("ram", "ListPermissions"),
}
LARGEST_RESULT = 240_000
tally: Counter[str] = Counter()


@pytest.fixture(scope="session")
def second() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(params=["ministack", "moto"])
def backend(request, local, second) -> str:
    return {"ministack": local.url, "moto": second}[request.param]


@pytest.mark.parametrize("service", SERVICES)
def test_same_outcome_as_botocore(binary, backend, service, request):
    client = aws.client(backend, service, REGION)
    model = client.meta.service_model
    calls = list(_calls(model))
    actions = [operation.name for operation, _ in calls]
    if not calls:
        pytest.skip("no read that needs at most strings")
    with function([binary], aws.environment(backend, REGION), [_permit(service, actions)]) as running:
        for operation, parameters in calls:
            try:
                theirs = _theirs(client, operation, parameters)
            except ParamValidationError:
                # How long a name may be, the function leaves to the service.
                continue
            ours = _ours(running, service, operation, parameters)
            if service in REFUSED:
                assert ours == ("error", (None, "CrossRegion.NotAllowed"))
                continue
            if theirs is None or service in UNLIKE:
                assert ours[0] == "error"
                continue
            if ours[1] == (200, "CrossRegion.MalformedResponse"):
                assert (service, operation.name) in MALFORMED
                continue
            if ours[1] == (None, "CrossRegion.ResultTooLarge"):
                assert len(json.dumps(theirs[1], separators=(",", ":"))) > LARGEST_RESULT
                continue
            if theirs[0] == "error" and theirs[1][1] is None:
                ours = (ours[0], (ours[1][0], None))
            if ours != theirs and _theirs(client, operation, parameters) != theirs:
                # The server never says the same twice: a token, a time, a random number.
                ours, theirs = _form(ours), _form(theirs)
            assert ours == theirs, (service, operation.name, parameters)
            tally[f"{request.node.callspec.params['backend']} {theirs[0]}"] += 1


def test_enough_services_answered():
    """What the suite above is worth: results, not only refusals."""
    assert tally["ministack result"] >= 40, tally
    assert tally["moto result"] >= 60, tally


def _permit(service: str, actions: list[str]) -> dict[str, Any]:
    """A few services sign for every Region at once, which a table must say."""
    return {**permit(service, *actions), "regions": [REGION, "*global*"]}


def _calls(model: Any) -> Iterator[tuple[OperationModel, dict[str, Any]]]:
    reads = [model.operation_model(name) for name in model.operation_names if name.startswith(READS)]
    plain = [operation for operation in reads if not operation.has_event_stream_output]
    empty = [(operation, {}) for operation in plain if not _required(operation)]
    named = [
        (operation, dict.fromkeys(_required(operation), "no-such-thing-here"))
        for operation in plain
        if _required(operation) and all(_is_free_string(shape) for shape in _required(operation).values())
    ]
    return itertools.chain(empty[:COUNT], named[:COUNT])


def _required(operation: OperationModel) -> dict[str, Shape]:
    if operation.input_shape is None:
        return {}
    return {name: operation.input_shape.members[name] for name in operation.input_shape.required_members}


def _is_free_string(shape: Shape) -> bool:
    return shape.type_name == "string" and not getattr(shape, "enum", None)


def _theirs(client: Any, operation: OperationModel, parameters: dict[str, Any]) -> tuple[str, Any] | None:
    method = botocore.xform_name(operation.name)
    try:
        result = getattr(client, method)(**parameters)
    except ClientError as refused:
        return _error(refused.response["ResponseMetadata"]["HTTPStatusCode"], refused.response["Error"].get("Code"))
    except ParamValidationError:
        raise
    except (BotoCoreError, ResponseParserError, MemoryError):
        # The answer, HTML mostly, was beyond the client.
        return None
    result.pop("ResponseMetadata")
    return "result", _mapped(result)


def _ours(running: Any, service: str, operation: OperationModel, parameters: dict[str, Any]) -> tuple[str, Any]:
    answer = running.invoke(event(service, operation.name, REGION, parameters=parameters, retry={"mode": "none"}))
    if answer.kind == "response":
        result = answer.json()
        result.pop("$metadata")
        return "result", _mapped(result)
    name, message = error(answer)
    return _error(message.get("statusCode"), message.get("code", name))


def _error(status: int | None, code: str | None) -> tuple[str, Any]:
    """A body that names no error leaves the status alone: each side has a word of its own for it."""
    return "error", (status, None if code in (str(status), "CrossRegion.RemoteError", "") else code)


def _form(value: Any) -> Any:
    """Names and types without the values."""
    match value:
        case dict():
            return {name: _form(member) for name, member in value.items()}
        case list() | tuple():
            return [_form(member) for member in value]
        case _:
            return type(value).__name__


def _mapped(value: Any) -> Any:
    """The contract's JSON for what botocore returns."""
    match value:
        case dict():
            return {name: _mapped(member) for name, member in value.items()}
        case list():
            return [_mapped(member) for member in value]
        case float():
            # Many are of 32 bits, which botocore does not look at.
            return struct.unpack("f", struct.pack("f", value))[0]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            utc = value.astimezone(UTC)
            return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03}Z"
        case _:
            return value
