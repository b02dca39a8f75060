"""Where the versions of a model are: a folder. Rule: the version that is deployed changes in one step.

It stands for a registry such as MLflow's. River's models are pickled, so nobody else may write to the folder.
"""

import os
import pickle
from pathlib import Path
from typing import Final

from examples.retraining.model import Model

DEPLOYED: Final = "deployed"


class Registry:
    """Versions by their names, one of which is deployed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, version: str, model: Model) -> None:
        """Keep `model` as `version`; one of the same name is replaced."""
        self._write(f"{version}.pickle", pickle.dumps(model))

    def load(self, version: str) -> Model:
        """The model that was kept as `version`. Raises FileNotFoundError."""
        model: Model = pickle.loads((self._folder / f"{version}.pickle").read_bytes())  # noqa: S301 - as above
        return model

    def deploy(self, version: str) -> None:
        """Let `version` answer from now on."""
        self._write(DEPLOYED, version.encode())

    def deployed(self) -> str | None:
        """The version that answers, None before the first one."""
        file = self._folder / DEPLOYED
        return file.read_text(encoding="utf-8") if file.exists() else None

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._folder / f"{name}.{os.getpid()}"
        temporary.write_bytes(content)
        temporary.replace(self._folder / name)
