"""Runs all measurements, prints them and writes `results.md`; exits with 0 only if every bound holds."""

import sys
from pathlib import Path

from bench import cold_start, few_services, pages, report, sides, transfers
from bench.quota import quota
from bench.size import size
from support import paths
from support.ministack import ministack
from support.object_files import build as stand_in

_RUNS = 25
_RUNS_UNDER_QUOTA = 15
_RUNS_BY_SERVICES = 60
_RUNS_OF_PAGES = 15
_SHARE = 0.07
_RESULTS = Path(__file__).parent / "results.md"


def main() -> int:
    few = few_services.build()
    ours, incumbent = sides.ours(), sides.incumbent()
    sections, bounds = [], []

    def add(part: tuple[str, list[report.Bound]]) -> None:
        sections.append(part[0])
        bounds.extend(part[1])
        print(part[0] + "\n", flush=True)

    with ministack() as local:
        cold_start.prepare(local)
        add(report.comparison("a whole core", *cold_start.alternate([ours, incumbent], local, _RUNS)))
        with quota(_SHARE) as limit:
            title = f"{_SHARE:.0%} of a core ({limit.how})"
            series = cold_start.alternate([ours, incumbent], local, _RUNS_UNDER_QUOTA, limit)
            add(report.comparison(title, *series))
        fewer = sides.ours(few, "few services")
        few_series, all_series = cold_start.alternate([fewer, ours], local, _RUNS_BY_SERVICES)
        add(
            report.services(
                few_services.services(few_services.MODELS),
                few_series,
                few_services.services(paths.ROOT / "handler" / "models"),
                all_series,
            )
        )
    add(report.pages(pages.cpu(paths.BOOTSTRAP, _RUNS_OF_PAGES)))
    add(report.transfers(transfers.measure(paths.BOOTSTRAP, stand_in())))
    add(report.sizes(size(paths.BOOTSTRAP)))
    print(report.verdict(bounds))
    _RESULTS.write_text(
        "\n\n".join([_PREFACE.format(machine=report.machine()), *sections, report.verdict(bounds)]) + "\n"
    )
    return 0 if all(bound.holds for bound in bounds) else 1


_PREFACE = """\
# Start-up, memory, size

Made by `make bench`, in one run, on {machine}.

Read the ratios: both sides alternate on the same machine, under the same Runtime API, with the same event (a
DynamoDB `getItem` over plain HTTP) and the same backend, ministack. The incumbent is the handler bundled in
aws-cdk-lib 2.276.0 for `CallAwsServiceCrossRegion`, with `@aws-sdk/client-dynamodb` from npm. A plain loop of
some forty lines stands in for Lambda's own Node runtime, which needs a native build and a newer Node, and
would only be slower."""


if __name__ == "__main__":
    sys.exit(main())
