"""A viewer of a distribution, and the edge before it: what CloudFront would show, by its function and its store.

A local AWS, a published function, a distribution's bucket enter; for a path and a moment the text leaves that a viewer
would see. The function's code and its association with a store are those that the local AWS holds as published; the
engine that runs the code is `edge.js`. The entries are those of the store, of which this edge knows at once, unless it
is told what it `knows`: a real edge learns later.
"""

import json
import subprocess
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from support import paths
from support.ministack import Ministack

ENGINE = paths.ROOT / "tests" / "support" / "edge.js"


@dataclass(frozen=True)
class Edge:
    local: Ministack
    function: str
    bucket: str
    region: str

    def shows(self, paths: list[str], now: str, knows: dict[str, str] | None = None) -> list[str]:
        """One text for each path."""
        s3 = self.local.client("s3", self.region)

        def shown(answer: dict[str, Any]) -> str:
            if "statusCode" in answer:
                return answer["body"]["data"]
            found = s3.get_object(Bucket=self.bucket, Key=answer["uri"].removeprefix("/"))
            return found["Body"].read().decode()

        events = [{"request": {"method": "GET", "uri": path, "headers": {}}} for path in paths]
        return [shown(answer) for answer in self._run(events, now, knows)]

    def stores(self) -> list[str]:
        """The ARNs of the stores that the published function may read."""
        cloudfront = self.local.client("cloudfront", "us-east-1")
        summary = cloudfront.describe_function(Name=self.function, Stage="LIVE")["FunctionSummary"]
        associated = summary["FunctionConfig"].get("KeyValueStoreAssociations", {})
        return [item["KeyValueStoreARN"] for item in associated.get("Items", [])]

    def entries(self) -> dict[str, str]:
        """Those of the stores that the published function may read."""
        return {key: value for store in self.stores() for key, value in entries(self.local, store).items()}

    def _run(self, events: list[dict[str, Any]], now: str, knows: dict[str, str] | None) -> list[dict[str, Any]]:
        cloudfront = self.local.client("cloudfront", "us-east-1")
        code = cloudfront.get_function(Name=self.function, Stage="LIVE")["FunctionCode"].read().decode()
        given: dict[str, Any] = {"code": code, "now": now, "events": events}
        if self.stores():
            given["entries"] = self.entries() if knows is None else knows
        done = subprocess.run(["node", ENGINE], input=json.dumps(given), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def entries(local: Ministack, store: str) -> dict[str, str]:
    """All that the store holds. Without a client of AWS's, whose signature for every Region needs more than Python."""
    found: dict[str, str] = {}
    token = ""
    while True:
        query = urllib.parse.urlencode({"MaxResults": 50, **({"NextToken": token} if token else {})})
        with urllib.request.urlopen(f"{local.url}/key-value-stores/{store}/keys?{query}", timeout=30) as answer:
            page = json.load(answer)
        found |= {item["Key"]: item["Value"] for item in page["Items"]}
        token = page.get("NextToken", "")
        if not token:
            return found
