"""What botocore's own clients make of errors: every modelled one once, and one a service that no model knows.

    python -m differential.errors --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, an operation that lists the error, the parameters of the call, an answer as
the service would send it, and what botocore's client raises for it: code, message and members, as the contract
shows them.
"""

import base64
import json
from xml.etree import ElementTree

from botocore import UNSIGNED
from botocore.exceptions import ClientError, MissingDependencyException

from differential.clients import Client, answer, operations
from differential.lines import write
from differential.responses import REQUEST_ID, Answer, as_cbor, as_json, contract, members_as_xml
from differential.values import Values

#: Members that are the message itself.
MESSAGES = ("message", "Message", "errorMessage")

#: Of no model.
UNKNOWN = "MadeUpException"

SCALARS = ("boolean", "integer", "long", "float", "double", "string", "timestamp")


class Refusal(Answer):
    """An error as the service would answer it."""

    def write_error(self, shape, unmodelled=UNKNOWN):
        given = {}
        if shape is not None:
            given, _ = self.values.parameters(shape)
        code = unmodelled if shape is None else shape.name
        error = {} if shape is None else shape.metadata.get("error", {})
        self.status = error.get("httpStatusCode", 400)
        wire_code = error.get("code", code)
        if self.protocol in ("json", "smithy-rpc-v2-cbor"):
            self.rpc_error(shape, given, code)
            if self.operation.service_model.is_query_compatible and error.get("code"):
                self.headers["x-amzn-query-error"] = f"{wire_code};Sender"
        elif self.protocol == "rest-json":
            self.rest(shape, given)
            # Some models have the header as a member, too.
            self.headers = {name: it for name, it in self.headers.items() if name.lower() != "x-amzn-errortype"}
            self.headers["x-amzn-errortype"] = f"{code}:http://internal.amazon.com/coral/"
        else:
            self.xml_error(shape, given, wire_code)
        return self

    def rpc_error(self, shape, given, code):
        discriminator = f"com.amazonaws.made.up#{code}"
        if self.protocol == "smithy-rpc-v2-cbor":
            # A map of definite or indefinite length takes one more entry in front.
            members = as_cbor(shape, given) if shape is not None else b"\xa0"
            entry = b"\x66__type" + text_as_cbor(discriminator)
            self.headers["smithy-protocol"] = "rpc-v2-cbor"
            self.body = b"\xbf" + entry + without_frame(members) + b"\xff"
        else:
            members = json.loads(as_json(shape, given)) if shape is not None else {}
            self.body = json.dumps({"__type": discriminator, **members}).encode()

    def xml_error(self, shape, given, code):
        is_s3 = self.operation.service_model.service_name == "s3"
        in_body = {}
        for name, value in given.items():
            if shape.members[name].serialization.get("location") is None:
                in_body[name] = value
        error = ElementTree.Element("Error")
        ElementTree.SubElement(error, "Code").text = code
        if shape is not None:
            members_as_xml(shape, in_body, error)
        if is_s3:
            root = error
            ElementTree.SubElement(root, "RequestId").text = REQUEST_ID
        elif self.protocol == "ec2":
            root = ElementTree.Element("Response")
            ElementTree.SubElement(root, "Errors").append(error)
            ElementTree.SubElement(root, "RequestID").text = REQUEST_ID
        else:
            root = ElementTree.Element("ErrorResponse")
            root.append(error)
            ElementTree.SubElement(root, "RequestId").text = REQUEST_ID
        self.body = ElementTree.tostring(root, encoding="utf-8")


def text_as_cbor(text):
    encoded = text.encode()
    return (b"\x78" + bytes([len(encoded)]) if len(encoded) > 23 else bytes([0x60 + len(encoded)])) + encoded


def without_frame(members):
    """The entries of an encoded map."""
    if members[0] == 0xBF:
        return members[1:-1]
    if members[0] == 0xB8:
        return members[2:]
    assert 0xA0 <= members[0] <= 0xB7, members[:1]
    return members[1:]


def shown(shape, raised):
    """Scalars that are no secret, as the contract shows them; of others only that they are there."""
    fields = {}
    for name, member in shape.members.items():
        if name in MESSAGES or name not in raised:
            continue
        is_open = member.type_name in SCALARS and not member.metadata.get("sensitive")
        fields[name] = contract(member, raised[name]) if is_open else None
    return fields


def case(session, client, service, operation, shape, seed, mode):
    name = UNKNOWN if shape is None else shape.name
    source = f"{seed} {mode} {service} {operation.name} {name}"
    line = {"service": service, "operation": operation.name, "error": name, "parameters": {}}
    given = {}
    if operation.input_shape is not None:
        values = Values(operation.service_model, service, source, "required")
        given, line["parameters"] = values.parameters(operation.input_shape)
    sent = Refusal(operation, Values(operation.service_model, service, source, mode)).write_error(shape)
    line["answer"] = {"status": sent.status, "headers": sent.headers, "body": base64.b64encode(sent.body).decode()}

    def network(request):
        return answer(request.url, sent.status, sent.headers, sent.body)

    client.network = network
    try:
        try:
            client.call(operation, given)
        except MissingDependencyException:
            # SigV4A needs a native library, answers do not.
            Client(session, service, network, signature_version=UNSIGNED).call(operation, given)
        line["refused"] = "botocore takes it for an answer"
    except ClientError as raised:
        error = raised.response["Error"]
        fields = {} if shape is None else shown(shape, raised.response)
        line["raised"] = {"code": error.get("Code", ""), "message": error.get("Message") or "", "fields": fields}
    except Exception as error:
        # botocore's handlers fail in many ways on answers that are true but unusual.
        line["refused"] = f"{type(error).__name__}: {error}"
    return line


def lines(session, service, seed, mode):
    client = Client(session, service, None)
    seen = set()
    for operation in operations(session, service):
        if operation.has_event_stream_input:
            continue
        for shape in [None, *operation.error_shapes]:
            name = shape and shape.name
            # Told that a service has moved, botocore asks for its address and tries again, without end.
            if name not in seen and name != "InvalidEndpointException":
                seen.add(name)
                yield case(session, client, service, operation, shape, seed, mode)


if __name__ == "__main__":
    write(__doc__, lines)
