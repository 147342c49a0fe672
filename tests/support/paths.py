"""Where things are: the source tree, the tools that `make` unpacks, and the function's binary.

Nothing enters; paths leave. Whether they exist is for `make` to see to.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
CDK = ROOT / "cdk"
BOOTSTRAP = CDK / "lambda" / "x86_64" / "bootstrap"
MINISTACK = TOOLS / "ministack" / "bin" / "ministack"
MOTO = TOOLS / "venv" / "bin" / "moto_server"
RIE = TOOLS / "rie" / "aws-lambda-rie"
