"""Runs libFuzzer's targets, as many at a time as there are cores; exits with 0 only if none found a fault.

Enters: the program that `make fuzz` builds. `make test` gives each target 45 seconds; with `PROVE`, each runs until no
new edge was seen for half an hour, four hours at most. `FUZZ_TARGETS` names fewer targets, `FUZZ_SECONDS` is the most
that each runs, `FUZZ_QUIET` the seconds without a new edge that end it, and with `FUZZ_KEEP` the inputs that reach what
the seeds do not are kept in `found`, for the next run to begin with. Leaves: a line a target and the closing line;
logs and corpora below `.tools/fuzz`. The input of a fault lies in `.tools/failures`.
"""

import base64
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import paths

_TARGETS = (
    "events",
    "aws-json",
    "rest-json",
    "rest-xml",
    "aws-query",
    "ec2-query",
    "rpc-v2-cbor",
    "event-stream",
    "kpl",
)
_FOUND = Path(__file__).parent / "found"
_FAILURES = paths.TOOLS / "failures"
_PROVE = "PROVE" in os.environ
_MOST_S = int(os.environ.get("FUZZ_SECONDS", 4 * 3600 if _PROVE else 45))
_QUIET_S = int(os.environ.get("FUZZ_QUIET", 1800 if _PROVE else _MOST_S))

# Far more than any input needs, also on a busy machine.
_LONGEST_S = 20
_MEMORY_MB = 1024
_INPUT_BYTES = 20_000
# What a process may take to start, to read its seeds and to end.
_BESIDE_S = 300
_TAIL_LINES = 40

_STATE = re.compile(r"^#\d+\s+(?P<event>\w+)\s+cov: (?P<edges>\d+) ft: (?P<features>\d+)")
_RUNS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)")
_MEMORY = re.compile(r"^stat::peak_rss_mb:\s+(\d+)")
_INPUT = re.compile(r"Test unit written to (.*)$")


@dataclasses.dataclass
class Progress:
    """What libFuzzer's lines have said so far."""

    started: float | None = None
    at_first: int = 0
    edges: int = 0
    features: int = 0
    last_new: float = 0.0
    runs: int = 0
    memory_mb: int = 0
    input: str | None = None

    def read(self, line: str, now: float) -> None:
        if found := _STATE.match(line):
            edges, self.features = int(found["edges"]), int(found["features"])
            if found["event"] == "INITED":
                self.started, self.at_first, self.last_new = now, edges, now
            elif self.started and edges > self.edges:
                self.last_new = now
            self.edges = edges
        elif found := _RUNS.match(line):
            self.runs = int(found[1])
        elif found := _MEMORY.match(line):
            self.memory_mb = int(found[1])
        elif found := _INPUT.search(line):
            self.input = found[1]


def main(program: Path) -> int:
    targets = os.environ.get("FUZZ_TARGETS", " ".join(_TARGETS)).split()
    _FAILURES.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = list(pool.map(lambda target: fuzz(program, target), targets))
    if all(passed) and "FUZZ_KEEP" in os.environ:
        for target in targets:
            keep(program, target)
    failed = passed.count(False)
    print(
        f"test result: {'FAILED' if failed else 'ok'}. {passed.count(True)} passed; {failed} failed; 0 ignored; "
        f"finished in {time.monotonic() - started:.0f}s"
    )
    return 1 if failed or not targets else 0


def fuzz(program: Path, target: str) -> bool:
    """One target, from its seeds to its line."""
    folder = paths.TOOLS / "fuzz" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "corpus").mkdir()
    (folder / "words").touch()
    progress = Progress()
    log = folder / "log"
    options = [
        f"-dict={folder / 'words'}",
        f"-artifact_prefix={_FAILURES / f'fuzz-{target}-'}",
        f"-max_total_time={_MOST_S}",
        f"-timeout={_LONGEST_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-max_len={_INPUT_BYTES}",
        "-print_final_stats=1",
        "-reload=0",
    ]
    with log.open("wb") as writer, log.open(errors="replace") as reader:
        process = subprocess.Popen(
            [program, *options, folder / "corpus"],
            env={**os.environ, "FUZZ_TARGET": target, "FUZZ_FOLDER": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.STDOUT,
        )
        try:
            ended = watched(process, reader, progress)
        finally:
            process.kill()
            process.wait()
    seconds = ended - (progress.started or ended)
    last_new = progress.last_new - (progress.started or 0)
    # A run that saw no branch taken, or tried nothing beyond its seeds, has shown nothing.
    is_blind = not progress.edges or not progress.features or not progress.runs
    if process.returncode != 0 or is_blind:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        again = f"again: FUZZ_TARGET={target} {program} {progress.input}" if progress.input else "no input"
        print(f"{tail}\nfuzz {target}: FAILED, status {process.returncode}; {again}", flush=True)
        return False
    print(
        f"fuzz {target}: {progress.runs:,} runs, {progress.edges:,} edges ({progress.at_first:,} of them the seeds'), "
        f"{progress.features:,} features, the last new edge after {last_new:.0f} s of {seconds:.0f} s, "
        f"{progress.memory_mb} MB",
        flush=True,
    )
    return True


def watched(process: subprocess.Popen, log, progress: Progress) -> float:
    """Reads along, ends what has gone quiet, and leaves the moment of the end."""
    begun = time.monotonic()
    is_ending = False
    while True:
        code = process.poll()
        now = time.monotonic()
        for line in whole_lines(log):
            progress.read(line, now)
        if code is not None:
            return now
        if progress.started and now - progress.last_new > _QUIET_S and not is_ending:
            process.send_signal(signal.SIGUSR1)
            is_ending = True
        if now - begun > _MOST_S + _BESIDE_S:
            process.kill()
        time.sleep(0.2)


def whole_lines(log) -> Iterator[str]:
    while True:
        at = log.tell()
        line = log.readline()
        if not line.endswith("\n"):
            log.seek(at)
            return
        yield line.rstrip("\n")


def keep(program: Path, target: str) -> None:
    """Of all that a run has found, the few and small inputs that reach edges which the target's own seeds do not."""
    folder = paths.TOOLS / "fuzz" / target
    merged = folder / "merged"
    merged.mkdir()
    for seed in (folder / "corpus").glob("seed-*"):
        shutil.copy(seed, merged)
    environment = {name: value for name, value in os.environ.items() if name != "FUZZ_FOLDER"}
    subprocess.run(
        [program, "-set_cover_merge=1", "-use_counters=0", f"-max_len={_INPUT_BYTES}", merged, folder / "corpus"],
        env={**environment, "FUZZ_TARGET": target},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "merge-log").open("wb"),
        check=True,
    )
    found = sorted(
        (path.read_bytes() for path in merged.iterdir() if not path.name.startswith("seed-")),
        key=lambda content: (len(content), content),
    )
    _FOUND.mkdir(exist_ok=True)
    (_FOUND / f"{target}.txt").write_bytes(b"".join(base64.b64encode(content) + b"\n" for content in found))
    print(f"fuzz {target}: {len(found)} inputs kept", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
