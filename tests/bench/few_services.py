"""The same handler with the models of one service: what start-up would be if models cost any.

Nothing enters; the path of a second release binary leaves, built from a copy of the sources in which
`handler/models` holds DynamoDB alone. Fails if the build does. The dependencies are those of the real
build, in its target folder, whose own binary is put back afterwards.
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
    try:
        _cargo_build(_COPY)
        return Path(shutil.copy2(_TARGET / "release" / "bootstrap", _COPY / "bootstrap"))
    finally:
        _cargo_build(paths.ROOT)


def _cargo_build(workspace: Path) -> None:
    subprocess.run(
        ["cargo", "build", "--locked", "--quiet", "--release", "--package", "handler"],
        cwd=workspace,
        env={**os.environ, "CARGO_TARGET_DIR": str(_TARGET)},
        check=True,
    )


def services(models: Path) -> int:
    return sum("metadata" in path.read_text()[:200] for path in models.glob("*.json"))


def _not_kept(folder: str, names: list[str]) -> list[str]:
    if Path(folder) != paths.ROOT / "handler" / "models":
        return []
    return [name for name in names if _is_service(Path(folder) / name) and name != _KEPT]


def _is_service(path: Path) -> bool:
    return path.suffix == ".json" and "metadata" in path.read_text()[:200]
