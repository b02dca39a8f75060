"""Which configuration a command runs with.

Rule: --config, else the file named by DRIFTD_CONFIG, else ./config.toml, else the defaults.
"""

import os
from pathlib import Path

from driftd.config import Config
from driftd.config_text import load_config
from driftd.errors import ConfigError

VARIABLE = "DRIFTD_CONFIG"


def find_config(given: Path | None) -> Path | None:
    """The file to read, None where the defaults hold."""
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    here = Path("config.toml")
    return here if here.is_file() else None


def read_config(given: Path | None = None) -> Config:
    """The configuration out of the file that `find_config` finds. Raises ConfigError."""
    path = find_config(given)
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not a UTF-8 text (byte {error.start})."]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}."]) from None
    return load_config(text, str(path))
