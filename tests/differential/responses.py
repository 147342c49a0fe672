"""What botocore's own clients make of answers, for every operation.

    python -m differential.responses --seed 1 --mode sample [--shard 0/2] [--service s3 …]

writes one JSON object a line: service, operation, the parameters of the call, an answer as the service would send
it, and what botocore's client returns for it, as the contract writes it. The answer is made from the output's model
by botocore's serializers, which were made for requests: what they cannot write, `framed` adds.
"""

import base64
import binascii
import datetime
import json
import math
import struct
from xml.etree import ElementTree

from botocore import UNSIGNED
from botocore.eventstream import EventStream
from botocore.exceptions import MissingDependencyException
from botocore.model import OperationModel
from botocore.serialize import JSONSerializer, RestXMLSerializer, RpcV2CBORSerializer

from differential.clients import Client, answer, operations
from differential.lines import write
from differential.values import Values

REQUEST_ID = "request-1"


class Answer:
    """An answer to one operation, from values of its output."""

    def __init__(self, operation, values):
        self.operation = operation
        self.protocol = operation.service_model.resolved_protocol
        self.values = values
        self.status = operation.http.get("responseCode", 200)
        self.headers = {"x-amzn-requestid": REQUEST_ID}
        self.body = b""

    def write(self, shape):
        given, _ = self.values.parameters(shape) if shape is not None else ({}, None)
        if shape is not None and self.operation.has_event_stream_output:
            self.events(shape, given)
        elif self.protocol in ("rest-json", "rest-xml"):
            self.rest(shape, given)
        else:
            self.body = self.rpc(shape, given)
        return self

    def rpc(self, shape, given):
        if self.protocol == "json":
            return as_json(shape, given)
        if self.protocol == "smithy-rpc-v2-cbor":
            self.headers["smithy-protocol"] = "rpc-v2-cbor"
            return as_cbor(shape, given)
        root = ElementTree.Element(f"{self.operation.name}Response")
        parent = root
        if shape is not None and "resultWrapper" in shape.serialization:
            parent = ElementTree.SubElement(root, shape.serialization["resultWrapper"])
        if shape is not None:
            members_as_xml(shape, given, parent)
        if self.protocol == "query":
            metadata = ElementTree.SubElement(root, "ResponseMetadata")
            ElementTree.SubElement(metadata, "RequestId").text = REQUEST_ID
        else:
            ElementTree.SubElement(root, "requestId").text = REQUEST_ID
        return ElementTree.tostring(root, encoding="utf-8")

    def rest(self, shape, given):
        if shape is None:
            return
        in_body = {}
        for name, value in given.items():
            member = shape.members[name]
            wire = member.serialization.get("name", name)
            location = member.serialization.get("location")
            if location == "statusCode":
                continue
            if location == "header" and not of_transport(wire):
                self.headers[wire] = header(member, value)
            elif location == "header":
                continue
            elif location == "headers":
                self.headers.update({f"{member.serialization.get('name', '')}{key}": it for key, it in value.items()})
            else:
                in_body[name] = value
        payload = shape.serialization.get("payload")
        if self.operation.name == "GetBucketLocation" and "LocationConstraint" in in_body:
            self.body = f"<LocationConstraint>{in_body['LocationConstraint']}</LocationConstraint>".encode()
        elif payload is None:
            self.body = self.rest_body(shape, in_body)
        elif payload in in_body:
            member, value = shape.members[payload], in_body[payload]
            if member.type_name == "blob":
                self.body = value
            elif member.type_name == "string":
                self.body = value.encode()
            else:
                self.body = self.rest_body(member, value)

    def rest_body(self, shape, given):
        if self.protocol == "rest-json":
            return as_json(shape, given)
        name = shape.serialization.get("name", shape.name)
        root = ElementTree.Element(name)
        members_as_xml(shape, given, root)
        return ElementTree.tostring(root, encoding="utf-8")

    def events(self, shape, given):
        name = next(name for name, it in shape.members.items() if it.serialization.get("eventstream"))
        stream = shape.members[name]
        self.headers["Content-Type"] = "application/vnd.amazon.eventstream"
        kinds = [kind for kind, it in stream.members.items() if not it.metadata.get("exception")]
        rest = {other: value for other, value in given.items() if other != name}
        frames = []
        if self.protocol in ("rest-json", "rest-xml"):
            self.rest(shape, rest)
        else:
            frames.append(framed("initial-response", {}, as_json(shape, rest)))
        frames += [self.event(kind, stream.members[kind]) for kind in kinds]
        self.body = b"".join(frames)

    def event(self, kind, shape):
        given, _ = self.values.structure(shape, [])
        headers, payload, members = {}, None, {}
        for name, value in given.items():
            member = shape.members[name]
            if member.serialization.get("eventheader"):
                headers[name] = value
            elif member.serialization.get("eventpayload"):
                payload = value if member.type_name == "blob" else None
                if payload is None:
                    payload = value.encode() if member.type_name == "string" else self.rest_body_of(member, value)
            else:
                members[name] = value
        return framed(kind, headers, self.rest_body_of(shape, members) if payload is None else payload)

    def rest_body_of(self, shape, given):
        if self.protocol == "rest-xml":
            return self.rest_body(shape, given)
        return as_cbor(shape, given) if self.protocol == "smithy-rpc-v2-cbor" else as_json(shape, given)


def of_transport(name):
    """What a header says of the very bytes behind it cannot be made up."""
    return name.lower() == "content-length" or name.lower().startswith("x-amz-checksum-")


def as_json(shape, given):
    if shape is None:
        return b"{}"
    whole = {}
    JSONSerializer()._serialize(whole, given, shape, "whole")
    return json.dumps(whole["whole"]).encode()


def as_cbor(shape, given):
    if shape is None:
        return b"\xa0"
    return RpcV2CBORSerializer()._serialize_body_params(given, shape)


def members_as_xml(shape, given, parent):
    serializer = RestXMLSerializer()
    for name, value in given.items():
        member = shape.members[name]
        serializer._serialize(member, value, parent, element_name(member, name))


def element_name(shape, name):
    """A flattened list may be named by its elements in answers."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return shape.member.serialization.get("name") or shape.serialization.get("name", name)
    return shape.serialization.get("name", name)


def header(shape, value):
    if shape.serialization.get("jsonvalue"):
        return base64.b64encode(json.dumps(value).encode()).decode()
    if shape.type_name == "timestamp":
        return RestXMLSerializer()._convert_timestamp_to_str(
            value, shape.serialization.get("timestampFormat", "rfc822")
        )
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "list":
        return ",".join(str(header(shape.member, it)) for it in value)
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return str(value)


def framed(kind, headers, payload):
    """One event in `application/vnd.amazon.eventstream`."""
    known = {":message-type": "event", ":event-type": kind, **headers}
    encoded = b""
    for name, value in known.items():
        encoded += bytes([len(name)]) + name.encode()
        if isinstance(value, bool):
            encoded += b"\x00" if value else b"\x01"
        elif isinstance(value, int):
            encoded += b"\x04" + struct.pack(">i", value)
        elif isinstance(value, datetime.datetime):
            encoded += b"\x08" + struct.pack(">q", int(value.timestamp() * 1000))
        else:
            value = value if isinstance(value, bytes) else str(value).encode()
            encoded += (
                (b"\x06" if isinstance(headers.get(name), bytes) else b"\x07") + struct.pack(">H", len(value)) + value
            )
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + encoded + payload
    return message + struct.pack(">I", binascii.crc32(message))


def contract(shape, value, is_body=False):
    """botocore's value as the contract writes it."""
    if value is None:
        return None
    if shape.serialization.get("jsonvalue"):
        return value if isinstance(value, str) else {"$jsonvalue": value}
    kind = shape.type_name
    if isinstance(value, EventStream):
        return [contract(shape, event) for event in value]
    if kind == "structure" and not shape.is_document_type:
        payload = shape.serialization.get("payload")
        return {
            name: contract(shape.members[name], it, name == payload)
            for name, it in value.items()
            if name in shape.members
        }
    if kind == "list":
        return [contract(shape.member, it) for it in value]
    if kind == "map":
        return {key: contract(shape.value, it) for key, it in value.items()}
    if kind == "blob":
        value = value.read() if hasattr(value, "read") else value
        return base64.b64encode(value).decode()
    if kind == "string" and not isinstance(value, str):
        raise ValueError(f"botocore leaves {shape.name} unread")
    if kind == "string" and is_body:
        return base64.b64encode(value.encode()).decode()
    if kind == "timestamp":
        value = value.astimezone(datetime.UTC)
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    if kind in ("float", "double") and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def case(session, client, service, operation: OperationModel, seed, mode):
    line = {"service": service, "operation": operation.name, "parameters": {}}
    name = f"{seed} {mode} {service} {operation.name} answer"
    if operation.has_event_stream_input:
        line["refused"] = "event stream"
        return line
    given = {}
    if operation.input_shape is not None:
        values = Values(operation.service_model, service, name, "required")
        given, line["parameters"] = values.parameters(operation.input_shape)
    sent = Answer(operation, Values(operation.service_model, service, name, mode)).write(operation.output_shape)
    line["answer"] = {"status": sent.status, "headers": sent.headers, "body": base64.b64encode(sent.body).decode()}

    def network(request):
        return answer(request.url, sent.status, sent.headers, sent.body)

    client.network = network
    try:
        try:
            parsed = client.call(operation, given)
        except MissingDependencyException:
            # SigV4A needs a native library, answers do not.
            unsigned = Client(session, service, network, signature_version=UNSIGNED)
            parsed = unsigned.call(operation, given)
        line["result"] = {} if operation.output_shape is None else contract(operation.output_shape, parsed)
    except Exception as error:
        # botocore's handlers fail in many ways on answers that are true but unusual.
        line["refused"] = f"{type(error).__name__}: {error}"
    return line


def lines(session, service, seed, mode):
    client = Client(session, service, None)
    for operation in operations(session, service):
        yield case(session, client, service, operation, seed, mode)


if __name__ == "__main__":
    write(__doc__, lines)
