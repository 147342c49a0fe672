"""What one execution did, state by state, as lines a person can follow.

A definition, the history of an execution and its output enter; one `Step` per task leaves. Nothing is
measured here: durations are the state machine's own, outcomes the function's own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Step:
    state: str
    region: str
    call: str
    took_ms: float
    outcome: str


def steps(
    definition: dict[str, Any], history: Sequence[dict[str, Any]], output: dict[str, Any]
) -> list[Step]:
    entered: dict[str, datetime] = {}
    found = []
    for event in history:
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        if "stateExitedEventDetails" in event:
            name = event["stateExitedEventDetails"]["name"]
            call = definition["States"][name].get("Parameters")
            if call is not None and name in output:
                took = (event["timestamp"] - entered[name]).total_seconds() * 1000
                found.append(Step(name, *_where(call, output[name]), took, _outcome(output[name])))
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _where(call: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    """The Region that was called, by the function's own account, and the call."""
    told = _refusal(result) or result.get("$metadata", {})
    return told.get("region", "?"), f"{call['service']} {call['action']}"


def _outcome(result: dict[str, Any]) -> str:
    if refusal := _refusal(result):
        return f"{refusal['statusCode']} {result['Error']}, effect {refusal['effect']}: caught"
    shown = {name: value for name, value in result.items() if name != "$metadata"}
    text = json.dumps(shown.get("Body", shown), ensure_ascii=False)
    return f"{result['$metadata']['httpStatusCode']} {text if len(text) <= 72 else text[:71] + '…'}"


def _refusal(result: dict[str, Any]) -> dict[str, Any] | None:
    """What the function said of a call that failed, where a Catch put it."""
    if "Error" not in result or "Cause" not in result:
        return None
    return json.loads(json.loads(result["Cause"])["errorMessage"])
