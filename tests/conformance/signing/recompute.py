"""Signatures recomputed: SigV4 by botocore, SigV4A by its published key derivation and a library's ECDSA.

Enters: one JSON object on standard input with `credentials` (`accessKeyId`, `secretAccessKey`) and `requests`, each
with `method`, `url` to the letter, `headers` (names in lower case), and `body` in base64. Leaves: one JSON array with
an object for each request: `scheme` (`none` without a signature), `scope` without the date, the signed `headers`, and
`fault`, which is null where the signature is right.
"""

import base64
import hashlib
import hmac
import json
import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

SYMMETRIC = "AWS4-HMAC-SHA256"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"

# S3 takes paths as they are; all others take them normalised and encoded twice.
PLAIN_PATHS = {"s3", "s3express", "s3-outposts", "s3-object-lambda"}

# Order of the group of P-256.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def recompute(request: dict[str, Any], key_id: str, secret: str) -> dict[str, Any]:
    url, headers, body = request["url"], request["headers"], base64.b64decode(request["body"])
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if "X-Amz-Signature" in query:
        scheme, signature = query["X-Amz-Algorithm"], query["X-Amz-Signature"]
        credential, signed = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"].split(";")
        date, url = query["X-Amz-Date"], _without_signature(url)
    elif "authorization" in headers:
        scheme, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(", "))
        signature, credential = parts["Signature"], parts["Credential"]
        signed, date = parts["SignedHeaders"].split(";"), headers["x-amz-date"]
    else:
        return {"scheme": "none", "scope": "", "headers": [], "fault": None}
    signer, day, *scope = credential.split("/")
    service = scope[-2]
    verdict = {"scheme": scheme, "scope": "/".join(scope), "headers": signed, "fault": None}
    digest = headers.get("x-amz-content-sha256")
    if signer != key_id or day != date[:8] or scope[-1] != "aws4_request":
        return {**verdict, "fault": f"credential {credential}"}
    if digest not in (None, "UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return {**verdict, "fault": "x-amz-content-sha256 is not that of the body"}
    for name in headers:
        if name.startswith("x-amz-") and name not in signed:
            return {**verdict, "fault": f"{name} is not signed"}

    kind = S3SigV4Auth if service in PLAIN_PATHS else SigV4Auth
    auth = kind(Credentials(signer, secret), service, scope[0])
    canonical_headers = {name: headers[name] for name in signed if name in headers}
    whole = AWSRequest(method=request["method"], url=url, headers=canonical_headers, data=body)
    whole.context["timestamp"] = date
    canonical = auth.canonical_request(whole)
    if scheme == SYMMETRIC:
        expected = auth.signature(auth.string_to_sign(whole, canonical), whole)
        return {**verdict, "fault": None if expected == signature else f"signature of {canonical!r}"}
    if scheme != ASYMMETRIC:
        return {**verdict, "fault": f"unknown scheme {scheme}"}
    lines = [ASYMMETRIC, date, "/".join([day, *scope]), hashlib.sha256(canonical.encode()).hexdigest()]
    try:
        _public_key(signer, secret).verify(bytes.fromhex(signature), "\n".join(lines).encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return {**verdict, "fault": f"signature of {canonical!r}"}
    return verdict


def _without_signature(url: str) -> str:
    parts = urlsplit(url)
    pairs = [pair for pair in parts.query.split("&") if not pair.startswith("X-Amz-Signature=")]
    return urlunsplit(parts._replace(query="&".join(pairs)))


def _public_key(key_id: str, secret: str) -> ec.EllipticCurvePublicKey:
    """NIST SP 800-108 in counter mode, until the number is one of the group's."""
    for counter in range(1, 255):
        context = key_id.encode() + bytes([counter])
        fixed = b"\x00\x00\x00\x01" + ASYMMETRIC.encode() + b"\x00" + context + b"\x00\x00\x01\x00"
        candidate = int.from_bytes(hmac.digest(b"AWS4A" + secret.encode(), fixed, "sha256"), "big")
        if candidate <= ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1()).public_key()
    raise ValueError("no key in 254 tries")


if __name__ == "__main__":
    given = json.load(sys.stdin)
    keys = given["credentials"]["accessKeyId"], given["credentials"]["secretAccessKey"]
    json.dump([recompute(request, *keys) for request in given["requests"]], sys.stdout)
