"""What every module here does on its command line: a line of JSON a case, for the services of one shard.

Enters: `--seed`, `--mode`, `--shard N/M`, `--service`. Leaves: the lines, a service's at once. Fails as botocore does.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator

from differential.clients import make_session


def write(doc: str, lines: Callable[..., Iterator[dict]]) -> None:
    """`lines` makes them of a session, a service, a seed and a mode."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=["sample", "shallow", "deep"], default="sample")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--service", nargs="*")
    arguments = parser.parse_args()
    shard, shards = map(int, arguments.shard.split("/"))
    session = make_session()
    services = arguments.service or session.get_available_services()
    for service in services[shard::shards]:
        for line in lines(session, service, arguments.seed, arguments.mode):
            print(json.dumps(line))
        sys.stdout.flush()
