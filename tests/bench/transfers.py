"""Transfers beside the AWS CLI: requests, CPU seconds and peak memory of the same copy.

Our binary and `aws` enter; one `Copy` for each size, path and side leaves. Both sides copy from one
stand-in for S3 to another (`s3 cp` to a pipe, and from it, since the CLI has no other way between two
endpoints), or within one, where S3 itself copies. The stand-ins keep objects in files, and their work
counts for neither side.
"""

import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support import aws, paths
from support.object_files import ObjectFiles, object_files
from support.process import plain_environment, scratch

_AWS_CLI = paths.TOOLS / "awscli" / "bin"
_BUCKETS = {"source": "us-west-2", "target": "us-west-2"}
MIB = 1 << 20
SIZES = (16 * MIB, 256 * MIB, 1024 * MIB)


@dataclass(frozen=True)
class Copy:
    size: int
    path: str
    side: str
    requests: int
    cpu_s: float
    peak_mib: float


def measure(binary: Path, stand_in: Path, sizes: tuple[int, ...] = SIZES) -> list[Copy]:
    copies = []
    with (
        object_files(stand_in, _BUCKETS) as source,
        object_files(stand_in, _BUCKETS) as target,
        scratch("transfers") as home,
    ):
        for size in sizes:
            file = home / "object"
            with file.open("wb") as out:
                for _ in range(size // MIB):
                    out.write(os.urandom(MIB))
            for path, reader in (("stream", source), ("copy", target)):
                reader.put("source", "in", file)
                for side, command in (
                    ("bootstrap", _ours(binary, home, reader, target)),
                    ("AWS CLI", _cli(path, reader, target, size)),
                ):
                    copies.append(_run(size, path, side, command, home, source, target, reader))
    return copies


def _ours(binary: Path, home: Path, reader: ObjectFiles, target: ObjectFiles) -> str:
    place = {"bucket": "source", "key": "in"}
    endpoints = []
    if reader is not target:
        place["endpoint"] = reader.url
        endpoints = [reader.url]
    files = {
        "event.json": {
            "procedure": "s3.transfer",
            "region": "us-west-2",
            "parameters": {"source": place, "target": {"bucket": "target", "key": "out"}},
        },
        "table.json": [
            {
                "procedure": "s3.transfer",
                "regions": ["us-west-2"],
                "endpoints": endpoints,
                "sources": [{"bucket": "source"}],
                "results": [{"bucket": "target"}],
            }
        ],
    }
    folder = Path(tempfile.mkdtemp(dir=home))
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return shlex.join([str(binary), "call", "--event", f"{folder}/event.json", "--table", f"{folder}/table.json"])


def _cli(path: str, reader: ObjectFiles, target: ObjectFiles, size: int) -> str:
    cp = [str(_AWS_CLI / "python"), str(_AWS_CLI / "aws"), "s3", "cp", "--only-show-errors"]
    if path == "copy":
        return shlex.join([*cp, "s3://source/in", "s3://target/out"])
    read = shlex.join([*cp, "--endpoint-url", reader.url, "s3://source/in", "-"])
    write = shlex.join([*cp, "--endpoint-url", target.url, "--expected-size", str(size), "-", "s3://target/out"])
    return f"{read} | {write}"


def _run(
    size: int,
    path: str,
    side: str,
    command: str,
    home: Path,
    source: ObjectFiles,
    target: ObjectFiles,
    reader: ObjectFiles,
) -> Copy:
    for server in (source, target):
        server.requests()
    target.remove("target", "out")
    environment = {
        **plain_environment(home),
        **aws.environment(target.url, "us-west-2"),
        # The CLI takes the name of the variable for its default as ours does for AWS.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # GNU time would do; the shell's children are all there are, so their account is the command's.
    runner = (
        "import resource,subprocess,sys,json;"
        "done=subprocess.run(['bash','-o','pipefail','-c',sys.argv[1]],stdout=subprocess.DEVNULL);"
        "used=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([done.returncode,used.ru_utime+used.ru_stime,used.ru_maxrss]))"
    )
    python = paths.TOOLS / "venv" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-c", runner, command],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    code, cpu_s, peak_kib = json.loads(done.stdout.splitlines()[-1])
    if code != 0 or target.content("target", "out").split()[0] != str(size):
        raise RuntimeError(f"{side} did not copy {size} bytes:\n{done.stderr[-2000:]}")
    requests = sum(sum(server.requests().values()) for server in {source, target, reader})
    return Copy(size, path, side, requests, cpu_s, peak_kib / 1024)
