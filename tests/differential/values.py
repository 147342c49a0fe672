"""Parameters made from botocore's models: the same value as botocore takes it and as the contract writes it.

Enters: a shape and a seeded source of randomness. Leaves: pairs of (botocore's value, contract's value).
Awkward text, edge numbers, empty collections and recursion are frequent; what a value may not be (lengths,
ranges, host labels) is respected, patterns are not, since no SDK checks them.
"""

import base64
import datetime
import json
import random
import string
from typing import ClassVar

#: Members that become part of an address, by the name of the endpoint rules' parameter.
ADDRESSES = {
    "AccessPointName": "access-point",
    "AccountId": "123456789012",
    "Bucket": "amzn-bucket",
    "ChannelARN": "arn:aws:kinesis:us-west-2:123456789012:channel/c",
    "ConsumerARN": "arn:aws:kinesis:us-west-2:123456789012:stream/s/consumer/c:1",
    "CopySource": "amzn-source/key",
    "EventBusArn": "arn:aws:events:us-west-2:123456789012:event-bus/b",
    "KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/k",
    "OutpostId": "op-01234567890123456",
    "QueueARN": "arn:aws:kinesis:us-west-2:123456789012:queue/q",
    "ResourceARN": "arn:aws:kinesis:us-west-2:123456789012:stream/s",
    "ResourceArn": "arn:aws:dynamodb:us-west-2:123456789012:table/t",
    "SpaceId": "space",
    "StreamARN": "arn:aws:kinesis:us-west-2:123456789012:stream/s",
    "StreamArn": "arn:aws:dynamodb:us-west-2:123456789012:table/t/stream/2026-01-01T00:00:00.000",
}

#: Members whose text botocore's own handlers read.
READ_BY_HANDLERS = {
    ("s3", "CopySource"): "amzn-source/key",
    ("machinelearning", "PredictEndpoint"): "https://realtime.machinelearning.us-west-2.amazonaws.com",
    ("rds", "SourceRegion"): "us-east-1",
    ("neptune", "SourceRegion"): "us-east-1",
    ("docdb", "SourceRegion"): "us-east-1",
    ("ec2", "SourceRegion"): "us-east-1",
    ("sqs", "QueueUrl"): "https://sqs.us-west-2.amazonaws.com/123456789012/queue",
}

#: Enumerations of which botocore alone can do only a part.
POSSIBLE = {"ChecksumAlgorithm": ["CRC32", "SHA1", "SHA256"]}

#: Members that are left out: they choose SigV4A, which botocore signs only with a native library, or botocore
#: alone encodes them.
NEVER = {
    ("events", "EndpointId"),
    ("sesv2", "EndpointId"),
    ("ec2", "UserData"),
    ("autoscaling", "UserData"),
}

TEXTS = [
    "plain",
    "two words",
    "a/b+c&d=e?f#g%20h;i,j:k@l!m$n'o(p)q*r~s",
    "\"quoted\" <tag> & 'apostrophe'",
    "Grüße, ünïcödé ✓",
    "日本語テキスト",
    "emoji 😀 beyond the plane",
    "line\nbreak and\ttab",
    " edges ",
    "back\\slash {brace} [bracket]",
]
HEADER_TEXTS = ["plain", "two words", "a/b+c&d=e?f#g%20h;i:k@l!m$n'o(p)*r~s", "comma, separated", '"quoted"']
NAMES = ["plain", "two words", "ünïcode", "dotted.name", "with/slash", "UPPER-lower_1"]
BLOBS = [b"", b"plain", bytes(range(256)), "ünïcödé 😀".encode(), b'{"json": true}']
INTEGERS = [0, 1, -1, 7, 65536, 2**31 - 1, -(2**31)]
LONGS = [*INTEGERS, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
FLOATS = [0.5, -1.5, 0.0, 100.0, 1024.25]
DOUBLES = [*FLOATS, 0.1, 1e-7, 123456789.123, 2.5e17, 1e300]
TIMES = [
    "1970-01-01T00:00:00",
    "2024-02-29T23:59:59",
    "1969-12-31T23:59:59",
    "2038-01-19T03:14:08",
    "9999-12-31T23:59:59",
]
DOCUMENTS = [
    {},
    {"a": [1, 2.5, "three", None, True, {"b": "ünïcode"}]},
    {"deep": {"deeper": {"deepest": []}}},
]
#: Without letters that the two sides escape differently inside a text.
JSON_VALUES = [{}, {"a": [1, 2.5, "three", None, True, {"b": "text"}]}, {"deep": {"deepest": []}}]


def is_checksum(member):
    """Of the body, in a header."""
    name = member.serialization.get("name", "").lower()
    is_one = name == "content-md5" or name.startswith("x-amz-checksum-")
    return (
        member.serialization.get("location") == "header"
        and is_one
        and not name.endswith(("-algorithm", "-type", "-mode"))
    )


class Values:
    """One source of values; `mode` is `required`, `sample`, `shallow` or `deep`."""

    #: How likely an optional member is given, by its depth.
    LIKELY: ClassVar = {"required": [], "sample": [0.75, 0.6, 0.4, 0.2], "shallow": [1.0], "deep": [1.0, 1.0, 1.0, 0.5]}
    #: Values after which optional members are left out.
    BUDGET: ClassVar = {"required": 60, "sample": 60, "shallow": 60, "deep": 600}

    def __init__(self, model, service, seed, mode):
        self.is_form = model.metadata["protocol"] in ("query", "ec2")
        self.service = service
        self.random = random.Random(seed)
        self.mode = mode
        self.left = self.BUDGET[mode]
        # Where each of a dozen checksums is given by chance, one always is, and no client ever makes one.
        self.without_checksums = random.Random(f"{seed} checksums").random() < 0.5

    def parameters(self, shape):
        return self.structure(shape, [], shape.serialization.get("payload"))

    def structure(self, shape, above, payload=None):
        members = shape.members
        if getattr(shape, "is_tagged_union", False):
            known = [name for name in members if self.ends(members[name], [*above, shape.name])]
            chosen = {self.random.choice(known or list(members))}
        else:
            chosen = {name for name in members if self.wants(shape, name, above)}
        given, written = {}, {}
        for name, member in members.items():
            if name in chosen:
                given[name], written[name] = self.member(name, member, [*above, shape.name], name == payload)
        if self.is_form and above and not given:
            return self.token(shape, [*above, shape.name])
        return given, written

    def token(self, shape, above):
        """In a form an empty structure is nothing, and a list of nothing may be an empty list or none."""
        scalars = [name for name, it in shape.members.items() if it.type_name not in ("structure", "list", "map")]
        if scalars:
            name = scalars[0]
            given, written = self.member(name, shape.members[name], above, False)
            return {name: given}, {name: written}
        for name, it in shape.members.items():
            if it.type_name == "list" and self.ends(it.member, above):
                given, written = self.value(it.member, above)
                return {name: [given]}, {name: [written]}
        return {}, {}

    def wants(self, shape, name, above):
        member = shape.members[name]
        if name in shape.required_members:
            return True
        if self.without_checksums and is_checksum(member):
            return False
        if (self.service, name) in NEVER or not self.ends(member, [*above, shape.name]) or self.left <= 0:
            return False
        likely = self.LIKELY[self.mode]
        depth = len(above)
        return self.random.random() < (likely[depth] if depth < len(likely) else 0.0)

    def ends(self, shape, above):
        """Whether a value of the shape can be made without its being its own ancestor for a third time."""
        if shape.type_name == "structure":
            return above.count(shape.name) < 2
        if shape.type_name == "list":
            return self.ends(shape.member, above)
        if shape.type_name == "map":
            return self.ends(shape.value, above)
        return True

    def member(self, name, shape, above, is_payload):
        self.left -= 1
        parameter = (shape.metadata.get("contextParam") or {}).get("name") or shape.serialization.get(
            "contextParam", {}
        ).get("name")
        if parameter in ADDRESSES and shape.type_name == "string":
            return same(ADDRESSES[parameter])
        if (self.service, name) in READ_BY_HANDLERS:
            return same(READ_BY_HANDLERS[self.service, name])
        location = shape.serialization.get("location")
        if shape.type_name == "string":
            if shape.serialization.get("jsonvalue"):
                document = self.random.choice(JSON_VALUES)
                # Outside headers botocore takes the text.
                given = document if location == "header" else json.dumps(document, separators=(",", ":"))
                return given, {"$json": document}
            if shape.metadata.get("hostLabel") or shape.serialization.get("hostLabel"):
                return same("label-1")
            return same(self.text(shape, location))
        if shape.type_name == "blob" and is_payload:
            value = self.blob(shape)
            return value, {"$base64": base64.b64encode(value).decode()}
        return self.value(shape, above, location)

    def value(self, shape, above, location=None):
        return getattr(self, "of_" + shape.type_name)(shape, above, location)

    def of_structure(self, shape, above, location):
        if getattr(shape, "is_document_type", False):
            return same(self.random.choice(DOCUMENTS))
        return self.structure(shape, above)

    def of_list(self, shape, above, location):
        least = shape.metadata.get("min", 0)
        most = max(least, shape.metadata.get("max", 3))
        if location == "header":
            least = max(1, least)
        if not self.ends(shape.member, above) and least == 0:
            return [], []
        count = least if self.left <= 0 else max(least, min(most, self.random.choice([0, 1, 2, 3])))
        self.left -= count
        pairs = [self.value(shape.member, above, location) for _ in range(count)]
        if self.is_form and least == 0:
            pairs = [pair for pair in pairs if pair[0] != {}]
        return [given for given, _ in pairs], [written for _, written in pairs]

    def of_map(self, shape, above, location):
        least = shape.metadata.get("min", 0)
        count = least if self.left <= 0 else max(least, self.random.choice([0, 1, 2]))
        if not self.ends(shape.value, above):
            count = 0
        self.left -= count
        given, written = {}, {}
        # Sorted, as the handler keeps them: where a protocol numbers its entries, the order shows.
        for key in sorted({self.key(shape.key, location, at) for at in range(count)}):
            given[key], written[key] = self.value(shape.value, above, location)
        return given, written

    def key(self, shape, location, at):
        if shape.enum:
            return self.random.choice(shape.enum)
        if location in ("headers", "header"):
            return f"key-{at}"
        return self.fitting(shape, self.random.choice(NAMES) + (str(at) if at else ""))

    def of_string(self, shape, above, location):
        return same(self.text(shape, location))

    def text(self, shape, location):
        if shape.enum:
            return self.random.choice(POSSIBLE.get(shape.name, shape.enum))
        if location in ("header", "headers"):
            return self.fitting(shape, self.random.choice(HEADER_TEXTS)).strip()
        if location == "uri":
            return self.fitting(shape, self.random.choice(TEXTS)) or "label"
        if self.random.random() < 0.1:
            return self.fitting(shape, "")
        return self.fitting(shape, self.random.choice(TEXTS))

    def fitting(self, shape, text):
        least = shape.metadata.get("min", 0)
        most = shape.metadata.get("max", 1000)
        text = text[: max(most, 0)]
        return text + "".join(self.random.choices(string.ascii_lowercase, k=max(0, least - len(text))))

    def of_character(self, shape, above, location):
        return same("c")

    def blob(self, shape):
        value = self.random.choice(BLOBS)
        return value + b"x" * max(0, shape.metadata.get("min", 0) - len(value))

    def of_blob(self, shape, above, location):
        value = self.blob(shape)
        return value, base64.b64encode(value).decode()

    def of_boolean(self, shape, above, location):
        return same(self.random.random() < 0.5)

    def of_integer(self, shape, above, location):
        return same(self.number(shape, INTEGERS, int))

    def of_long(self, shape, above, location):
        return same(self.number(shape, LONGS, int))

    def of_float(self, shape, above, location):
        return same(self.number(shape, FLOATS, float))

    def of_double(self, shape, above, location):
        return same(self.number(shape, DOUBLES, float))

    def number(self, shape, candidates, kind):
        least = shape.metadata.get("min")
        most = shape.metadata.get("max")
        edges = [kind(edge) for edge in (least, most) if edge is not None]
        fitting = [
            it for it in [*edges, *candidates] if (least is None or it >= least) and (most is None or it <= most)
        ]
        low, high = min(candidates), max(candidates)
        fitting = [it for it in fitting if low <= it <= high] or [kind(0)]
        return self.random.choice(fitting)

    def of_timestamp(self, shape, above, location):
        text = self.random.choice(TIMES)
        value = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
        return value, text + "Z"


def same(value):
    return value, value
