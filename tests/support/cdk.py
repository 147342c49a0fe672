"""The stock CDK command line, deploying to a local AWS.

An app's folder, a directory to write to and the URL of a local AWS enter; stacks change there. Fails with
`CdkError`, which carries what the tool printed.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support import aws, paths
from support.process import plain_environment


class CdkError(RuntimeError):
    """The CDK command line ended with an error."""


@dataclass(frozen=True)
class Cdk:
    """The app in `folder`, deployed to one account and Region at `url`; `home` takes what is written."""

    url: str
    region: str
    folder: Path
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: str = aws.ACCOUNT

    def bootstrap(self) -> None:
        self._run("bootstrap", f"aws://{self.account}/{self.region}")

    def deploy(self, stack: str) -> dict[str, str]:
        """Deploys and returns the stack's outputs."""
        outputs = self.home / f"{stack}.outputs.json"
        self._run("deploy", stack, "--require-approval", "never", "--exclusively", "--outputs-file", str(outputs))
        return json.loads(outputs.read_text()).get(stack, {})

    def destroy(self, stack: str) -> None:
        self._run("destroy", stack, "--force", "--exclusively")

    def synth(self) -> Path:
        self._run("synth", "--quiet")
        return self.home / "cdk.out"

    def _run(self, *arguments: str) -> str:
        command = [
            str(paths.CDK / "node_modules" / ".bin" / "cdk"),
            *arguments,
            "--output", str(self.home / "cdk.out"),
            "--no-notices",
            "--no-version-reporting",
            "--ci",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            raise CdkError(f"cdk {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done.stdout

    def _variables(self) -> dict[str, str]:
        return {
            **plain_environment(self.home),
            **aws.environment(self.url, self.region),
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            # For apps outside of `cdk`, which have no packages of their own.
            "NODE_PATH": str(paths.CDK / "node_modules"),
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
            "NODE_OPTIONS": os.environ.get("NODE_OPTIONS", ""),
            **self.environment,
        }
