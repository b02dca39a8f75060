"""Reference files: reading what `[models.reference] file` names."""

from collections.abc import Mapping
from pathlib import Path

from driftd.config import Config
from driftd.errors import BadInput
from driftd.reference.document import decode_profile
from driftd.reference.profile import Profile


def read_reference(path: Path) -> Profile:
    """The profile in the file `path`. Raises BadInput saying what is wrong with it."""
    try:
        return decode_profile(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}. Make one with `driftd reference build`.") from None


def read_references(config: Config) -> Mapping[str, Profile]:
    """The references that `config` names for its models, by model."""
    named = {model.name: config.for_model(model.name).reference.file for model in config.models}
    return {model: read_reference(Path(file)) for model, file in named.items() if file is not None}
