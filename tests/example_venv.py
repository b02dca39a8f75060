"""Virtual environments for examples whose packages are none of driftd's. Rule: as locked, made once, into the cache."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from architecture import ROOT
from kafka_install import cache_folder, locked


def venv_python(lock: str) -> Path:
    """The Python of an environment with what `lock`, a file in examples/retraining, pins; made where it is missing."""
    file = ROOT / "examples" / "retraining" / lock
    name = f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"
    folder = cache_folder() / "venvs" / name
    python, done = folder / "bin" / "python", folder / "complete"
    with locked(folder.parent):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
            _uv("pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(file))
            done.touch()
    return python


def _uv(*words: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "uv", *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
