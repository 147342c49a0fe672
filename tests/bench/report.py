"""The figures as a table, and whether each bound holds.

Series and sizes enter; Markdown leaves, for a terminal and for `results.md` alike.
"""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cold_start import Series
from bench.pages import Cpu
from bench.size import Size
from bench.transfers import MIB, Copy

# With the capabilities beyond plain calls; plain calls alone stayed under 9.5 MB.
BINARY_LIMIT = 11_000_000
_TIME_BOUND = 1 / 10
_MEMORY_BOUND = 1 / 6
_PAGES_BOUND = 1.3
_CPU_BOUND = 1 / 3
_PEAK_BOUND_MIB = 64


@dataclass(frozen=True)
class Bound:
    text: str
    holds: bool


def comparison(title: str, ours: Series, incumbent: Series) -> tuple[str, list[Bound]]:
    time_ratio, memory_ratio = ours.ms / incumbent.ms, ours.peak_mib / incumbent.peak_mib
    text = _table(
        [
            (title, "bootstrap", "incumbent", "ratio"),
            (
                "process start to first answer, median",
                f"{ours.ms:.1f} ms",
                f"{incumbent.ms:.1f} ms",
                f"1/{1 / time_ratio:.1f}",
            ),
            ("interquartile range", f"{ours.spread_ms:.1f} ms", f"{incumbent.spread_ms:.1f} ms", ""),
            (
                "peak resident memory, median",
                f"{ours.peak_mib:.1f} MiB",
                f"{incumbent.peak_mib:.1f} MiB",
                f"1/{1 / memory_ratio:.1f}",
            ),
            ("runs", str(len(ours.runs)), str(len(incumbent.runs)), ""),
        ]
    )
    return text, [
        Bound(f"{title}: first answer in at most a tenth of the incumbent's time", time_ratio <= _TIME_BOUND),
        Bound(f"{title}: at most a sixth of the incumbent's memory", memory_ratio <= _MEMORY_BOUND),
    ]


def services(few: int, few_series: Series, all_: int, all_series: Series) -> tuple[str, list[Bound]]:
    """The difference must drown in what repeated runs of one binary differ by."""
    difference = all_series.ms - few_series.ms
    noise = max(few_series.spread_ms, all_series.spread_ms)
    text = _table(
        [
            ("start-up by services in the binary", "first answer, median", "interquartile range"),
            (str(few), f"{few_series.ms:.2f} ms", f"{few_series.spread_ms:.2f} ms"),
            (str(all_), f"{all_series.ms:.2f} ms", f"{all_series.spread_ms:.2f} ms"),
            ("difference", f"{difference:+.2f} ms", ""),
        ]
    )
    return text, [Bound(f"{all_} services start as fast as {few}, within the spread", difference <= noise)]


def pages(cpu: Cpu) -> tuple[str, list[Bound]]:
    text = _table(
        [
            ("10,000 S3 keys over 10 pages, warm", "CPU, median"),
            ("ten events of one page each", f"{cpu.raw_ms:.1f} ms"),
            ("one event, pages merged, names selected", f"{cpu.paginated_ms:.1f} ms"),
            ("ratio", f"{cpu.ratio:.2f}"),
            ("runs", str(cpu.runs)),
        ]
    )
    return text, [
        Bound(f"ten pages in one at most {_PAGES_BOUND} times the CPU of ten calls", cpu.ratio <= _PAGES_BOUND)
    ]


def transfers(copies: Sequence[Copy]) -> tuple[str, list[Bound]]:
    """CPU is compared where there is enough of it to compare: from 256 MiB, where bytes pass through."""
    rows = [("transfer", "path", "by", "requests", "CPU", "peak memory")]
    for copy in copies:
        size = f"{copy.size // MIB} MiB"
        cpu, peak = f"{copy.cpu_s:.2f} s", f"{copy.peak_mib:.1f} MiB"
        rows.append((size, copy.path, copy.side, str(copy.requests), cpu, peak))
    streamed = [copy for copy in copies if copy.path == "stream" and copy.size >= 256 * MIB]
    ours = sum(copy.cpu_s for copy in streamed if copy.side == "bootstrap")
    theirs = sum(copy.cpu_s for copy in streamed if copy.side != "bootstrap")
    peak = max(copy.peak_mib for copy in copies if copy.side == "bootstrap")
    return _table(rows), [
        Bound("streamed: at most a third of the AWS CLI's CPU", ours <= theirs * _CPU_BOUND),
        Bound(f"transfers: under {_PEAK_BOUND_MIB} MiB of memory at any size", peak < _PEAK_BOUND_MIB),
    ]


def sizes(size: Size) -> tuple[str, list[Bound]]:
    text = _table(
        [
            ("size", "bytes", "MB"),
            ("binary, all models", f"{size.binary:,}", f"{size.binary / 1e6:.2f}"),
            ("zip", f"{size.zipped:,}", f"{size.zipped / 1e6:.2f}"),
        ]
    )
    return text, [Bound(f"binary at most {BINARY_LIMIT / 1e6} MB", size.binary <= BINARY_LIMIT)]


def verdict(bounds: Sequence[Bound]) -> str:
    return _table([("bound", "holds"), *((bound.text, "yes" if bound.holds else "NO") for bound in bounds)])


def machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}, Node {node.removeprefix('v')}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])
