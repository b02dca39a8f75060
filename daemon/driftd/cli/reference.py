"""`driftd reference`: what is normal for a model, as a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from driftd.cli.config_file import read_config
from driftd.cli.output import Format, note, refuse_to_overwrite, say, say_json, table
from driftd.cli.reference_file import read_reference
from driftd.cli.story import minute
from driftd.config import Config
from driftd.engine.engine import Engine
from driftd.errors import BadInput
from driftd.reference.document import encode_profile, profile_hash, profile_to_json
from driftd.reference.figures import reference_summary
from driftd.reference.profile import Profile
from driftd.shells.recording import RecordingReader


def build(
    files: Annotated[Sequence[Path], Parameter(negative=())],
    /,
    *,
    model: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    events: int | None = None,
    config: Path | None = None,
    force: bool = False,
) -> None:
    """Make a reference from recordings.

    Parameters
    ----------
    files
        Recordings of a time when all was well.
    model
        The model whose predictions are counted.
    out
        The file to write.
    events
        How many predictions to count; all of them where it is not given.
    config
        The configuration file.
    force
        Overwrite the file where it exists.
    """
    refuse_to_overwrite(out, force=force)
    profile = profile_of(files, model, events, read_config(config))
    out.write_bytes(encode_profile(profile) + b"\n")
    note(f"{out}: reference of {model}, {profile.events:,} events, {len(profile.schema.signals)} signals")


def profile_of(files: Sequence[Path], model: str, events: int | None, config: Config) -> Profile:
    """The reference that the first `events` predictions of `model` in `files` make. Raises BadInput."""
    learn = config.for_model(model).reference.learn_events
    wanted = 10**12 if events is None else events
    if wanted <= learn:
        raise BadInput(f"--events should be more than the {learn} that reference.learn_events takes")
    settings = config.for_model(model)
    reference = settings.reference.model_copy(
        update={"reference_events": wanted, "grow_days": 0.0, "file": None}
    )
    counting = settings.model_copy(update={"reference": reference})
    engine = Engine(Config(topics=config.topics, limits=config.limits, defaults=counting))
    for path in files:
        for chunk in RecordingReader(path):
            engine.apply(chunk)
    monitor = engine.monitors.get(model)
    if monitor is None:
        known = ", ".join(sorted(engine.monitors)) or "none"
        raise BadInput(f"there is no event of model {model!r} in these recordings; models in them: {known}")
    if monitor.inputs.profile is not None:
        return monitor.inputs.profile
    if monitor.inputs.builder is None:
        raise BadInput(
            f"only {len(monitor.learner)} events of {model}; at least {learn} are needed to learn its signals"
        )
    return monitor.inputs.builder.build(model, monitor.version)


def show(file: Path, /, *, format: Format = "text") -> None:
    """Show what a reference holds.

    Parameters
    ----------
    file
        A reference.
    format
        text or json.
    """
    profile = read_reference(file)
    if format == "json":
        say_json({**profile_to_json(profile), "hash": profile_hash(profile)})
        return
    version = "any version" if profile.version is None else f"version {profile.version}"
    say(f"model {profile.model}, {version}, {profile.events:,} events")
    say(
        f"from {minute(profile.first_ms)} to {minute(profile.last_ms)} UTC, hash {profile_hash(profile)[:16]}\n"
    )
    rows = []
    for s, signal in enumerate(profile.schema.signals):
        told = reference_summary(profile, s)
        middle = ", ".join(f"{level} {share:.1%}" for level, share in (told.top or {}).items())
        if told.mean is not None:
            middle = f"mean {told.mean:g}  (10 % below {told.p10}, 90 % below {told.p90})"
        rows.append((signal.name, signal.type.value, f"{told.missing_share:.1%}", middle))
    say(table(("signal", "type", "missing", "values"), rows))
