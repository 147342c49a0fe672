"""Events and operation tables that the suites share, and how an error of the function is read.

Names and Regions enter; plain dictionaries leave.
"""

import json
from typing import Any

from support.runtime_api import Answer

REGION = "us-west-2"


def event(service: str, action: str, region: str = REGION, **more: Any) -> dict[str, Any]:
    return {"service": service, "action": action, "region": region, **more}


def permit(service: str, *actions: str, region: str = REGION, endpoints: tuple[str, ...] = ()) -> dict[str, Any]:
    """One entry of an operation table."""
    return {
        "service": service,
        "actions": list(actions),
        "regions": [region],
        "endpoints": list(endpoints),
        "roles": [],
        "results": [],
    }


def error(answer: Answer) -> tuple[str, dict[str, Any]]:
    """The error's name and its message, which is one JSON object on one line."""
    assert answer.kind == "error", answer
    return named(answer.json())


def named(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    message = body["errorMessage"]
    assert "\n" not in message
    assert len(message.encode()) <= 24_000
    return body["errorType"], json.loads(message)
