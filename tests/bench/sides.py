"""The two sides: our binary and the incumbent's handler, each as a command with its environment.

Nothing enters; `Side`s leave. The incumbent is the bundled handler of `CallAwsServiceCrossRegion` in
aws-cdk-lib 2.276.0, with the SDK client from npm where Lambda's runtime would put it.
"""

from dataclasses import dataclass, field
from pathlib import Path

from support import paths

_BENCH = Path(__file__).parent
_INCUMBENT = (
    paths.CDK / "node_modules" / "aws-cdk-lib-latest" / "custom-resource-handlers" / "dist"
    / "aws-stepfunctions-tasks" / "cross-region-aws-sdk-handler"
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def ours(binary: Path = paths.BOOTSTRAP, name: str = "bootstrap") -> Side:
    return Side(name, (str(binary),))


def incumbent() -> Side:
    return Side(
        "incumbent",
        ("node", str(_BENCH / "incumbent" / "loop.js"), str(_INCUMBENT / "index.js")),
        {"NODE_PATH": str(_BENCH / "node_modules"), "LAMBDA_TASK_ROOT": str(_INCUMBENT)},
    )
