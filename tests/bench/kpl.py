"""Throughput of the aggregated format of the Kinesis Producer Library, beside that of `aws-kinesis-agg` and of MD5.

    python -m bench.kpl <the program kpl-bench>

prints a table and writes `kpl.md`. The library packs and unpacks records of the same sizes in this process; both sides
tell the median of many. Nothing is asserted: a machine may be busy.
"""

import base64
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aws_kinesis_agg import aggregator, deaggregator

from bench import report

_TIMES = 101
_RESULT = Path(__file__).parent / "kpl.md"
_PREFACE = """\
# Aggregated records

Made by `make bench-kpl`, in one run, on {machine}.
One aggregated record at a time, with payloads of some 25,000 bytes; medians.

Either way, all of a message goes through MD5, one block after the other. "Ratio of MD5 alone" is that of a program that
does nothing else: where it is below 20, none is 20 times as fast as the library, one record at a time.

"""


def main(program: Path) -> None:
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    table = [
        "| payload | | MB/s | `aws-kinesis-agg`, MB/s | ratio | ratio of MD5 alone | times an MD5 of the same bytes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for ours in map(json.loads, lines):
        theirs = library(ours["payload"], ours["users"])
        for what in ("pack", "unpack"):
            own_ns, md5_ns, other_ns, size = ours[f"{what}_ns"], ours["md5_ns"], theirs[what], ours["bytes"]
            table.append(
                f"| {ours['payload']} bytes | {what} | {speed(size, own_ns)} | {speed(size, other_ns)} "
                f"| {other_ns / own_ns:.1f} | {other_ns / md5_ns:.1f} | {own_ns / md5_ns:.2f} |"
            )
    text = _PREFACE.format(machine=report.machine()) + "\n".join(table) + "\n"
    _RESULT.write_text(text)
    print(text)


def speed(size: int, nanoseconds: float) -> str:
    return f"{size * 1000 / nanoseconds:,.1f}"


def library(payload: int, users: int) -> dict[str, float]:
    """Nanoseconds for one aggregated record, by what is done with it."""
    records = [(f"customer-{at * 7919 % 1000}", bytes([at % 256]) * payload) for at in range(users)]

    def pack() -> bytes:
        record = aggregator.AggRecord()
        for key, data in records:
            record.add_user_record(key, data)
        return record.get_contents()[2]

    told = {"kinesisSchemaVersion": "1.0", "sequenceNumber": "1", "partitionKey": "a", "approximateArrivalTimestamp": 0}
    event = {"kinesis": {**told, "data": base64.b64encode(pack())}}
    return {"pack": median(pack), "unpack": median(lambda: deaggregator.deaggregate_records([event]))}


def median(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_TIMES):
        started = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
