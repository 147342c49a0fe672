"""The packages as a stranger gets them: installed in an empty app, synthesized, deployed, run.

Needs the tarball and the wheel in `cdk/dist`, which `make package` builds before it runs this.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import aws, paths
from support.cdk import Cdk
from support.executions import execute
from support.ministack import Ministack, ministack

# A download of the CDK, and three syntheses, each by an interpreter that starts another one.
pytestmark = pytest.mark.timeout(1800)

APPS = Path(__file__).parent / "apps" / "packaged"
HERE = "ap-northeast-1"
CDK_LIB = "2.276.0"
# The newest that PyPI has.
CDK_LIB_OF_PYTHON = "2.275.0"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Ministack]:
    with ministack() as running:
        yield running


def test_npm_tarball_in_an_empty_app(cloud, tmp_path):
    tarball = _only(paths.CDK / "dist" / "js", "*.tgz")
    needed = {"cdk-cross-region-tasks": f"file:{tarball}", "aws-cdk-lib": CDK_LIB, "constructs": "^10.5.0"}
    (tmp_path / "package.json").write_text(json.dumps({"private": True, "dependencies": needed}))
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=tmp_path, check=True)
    shutil.copy(APPS / "app.js", tmp_path)
    _deploy_and_run(cloud, tmp_path, "node app.js")


def test_python_wheel_in_an_empty_app(cloud, tmp_path):
    wheel = _only(paths.CDK / "dist" / "python", "*.whl")
    subprocess.run(["python3", "-m", "venv", tmp_path / "venv"], check=True)
    pip = [tmp_path / "venv" / "bin" / "python", "-m", "pip", "--quiet", "install"]
    subprocess.run([*pip, wheel, f"aws-cdk-lib=={CDK_LIB_OF_PYTHON}"], check=True)
    shutil.copy(APPS / "app.py", tmp_path)
    _deploy_and_run(cloud, tmp_path, "venv/bin/python app.py")


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _deploy_and_run(cloud: Ministack, folder: Path, command: str) -> None:
    (folder / "cdk.json").write_text(json.dumps({"app": command}))
    # Nothing of this repository's own packages may be found.
    app = Cdk(cloud.url, HERE, folder, folder, {"NODE_PATH": ""})
    app.bootstrap()
    try:
        ended = execute(cloud, app.deploy("Packaged")["StateMachineArn"], {})
        assert ended.status == "SUCCEEDED", ended.cause
        assert ended.output["Account"] == aws.ACCOUNT
    finally:
        app.destroy("Packaged")
