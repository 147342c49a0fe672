"""What one execution did, state by state, as lines a person can follow.

An execution and the function's own log lines enter; one `Step` per task leaves. Nothing is measured
here: a step is what the function said of it, in its result and in its log, joined by the request id.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from support.executions import Execution


@dataclass(frozen=True)
class Step:
    state: str
    region: str
    call: str
    took: str
    outcome: str


def steps(execution: Execution, log: Iterable[dict[str, Any]]) -> list[Step]:
    logged = {line["requestId"]: line for line in log}
    found = []
    for event in execution.history:
        name = event.get("stateExitedEventDetails", {}).get("name")
        result = (execution.output or {}).get(name)
        if result is not None:
            told = _refusal(result) or result["$metadata"]
            line = logged[told["requestId"]]
            took = f"{line['durationMs']} ms" + (", cold" if line["coldStart"] else "")
            call = f"{line['service']} {line['action']}"
            found.append(Step(name, told["region"], call, took, _outcome(result)))
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def all_held(checks: Sequence[tuple[bool, str]], say: Callable[[str], None]) -> bool:
    """Tells each check."""
    say(table([("ok" if holds else "WRONG", text) for holds, text in checks]))
    return all(holds for holds, _ in checks)


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
