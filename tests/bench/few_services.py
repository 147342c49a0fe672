"""The same handler with the models of one service: what start-up would be if models cost any.

Nothing enters; the path of a second release binary leaves, built from a copy of the sources in which
`handler/models` holds DynamoDB alone. Fails if the build does, or if its binary is not the smaller one.
The compiled dependencies are copied from the real build, so that only the handler is compiled again.
"""

import os
import shutil
import subprocess
from pathlib import Path

from support import paths

_KEPT = "dynamodb.json"
_COPY = paths.TOOLS / "few-services"
_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", paths.ROOT / "target")).resolve()
MODELS = _COPY / "handler" / "models"


def build() -> Path:
    shutil.rmtree(_COPY / "handler", ignore_errors=True)
    shutil.copytree(paths.ROOT / "handler", _COPY / "handler", ignore=_not_kept)
    for name in ("Cargo.toml", "Cargo.lock"):
        shutil.copy2(paths.ROOT / name, _COPY / name)
    # A member of the workspace, which is read but not built.
    if not (_COPY / "tests").is_symlink():
        (_COPY / "tests").symlink_to(paths.ROOT / "tests")
    target = _COPY / "target"
    if not target.exists():
        shutil.copytree(_TARGET / "release", target / "release", symlinks=True)
    # Cargo knows a package by its place in the workspace and by times: else the copy passes for the original.
    (_COPY / "handler" / "build.rs").touch()
    subprocess.run(
        ["cargo", "build", "--locked", "--quiet", "--release", "--package", "handler"],
        cwd=_COPY,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        check=True,
    )
    binary = target / "release" / "bootstrap"
    if binary.stat().st_size >= paths.BOOTSTRAP.stat().st_size:
        raise RuntimeError("the binary with one service is not smaller than the one with all")
    return binary


def services(models: Path) -> int:
    return sum("metadata" in path.read_text()[:200] for path in models.glob("*.json"))


def _not_kept(folder: str, names: list[str]) -> list[str]:
    if Path(folder) != paths.ROOT / "handler" / "models":
        return []
    return [name for name in names if _is_service(Path(folder) / name) and name != _KEPT]


def _is_service(path: Path) -> bool:
    return path.suffix == ".json" and "metadata" in path.read_text()[:200]
