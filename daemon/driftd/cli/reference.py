"""`driftd reference build` and `merge`: what is normal for a model, as a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from driftd.cli.config_file import read_config
from driftd.cli.output import note, refuse_to_overwrite
from driftd.cli.reference_file import read_reference
from driftd.cli.reference_show import schema_difference, unstable_sentences
from driftd.config import Config
from driftd.contract.record import Record
from driftd.decode.batch import PredictionColumns, decode
from driftd.decode.columns import PredictionRows
from driftd.engine.engine import Engine
from driftd.engine.learning import learn_schema
from driftd.errors import BadInput
from driftd.event_time import parse_time
from driftd.reference.build import Builder
from driftd.reference.cut import cut_of
from driftd.reference.document import encode_profile
from driftd.reference.finish import finished
from driftd.reference.panes import Columns, RecordPlaces
from driftd.reference.profile import Profile
from driftd.shells.recording import RecordingReader

ENDLESS: Final = 10**12
FOREVER_MS: Final = 2**62


class _Timed(msgspec.Struct):
    """The part of an event that says when it was."""

    at_ms: int


_TIMED: Final = msgspec.json.Decoder(_Timed)


def build(
    files: Annotated[Sequence[Path], Parameter(negative=())],
    /,
    *,
    model: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    events: int | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    like: Path | None = None,
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
    from_
        Count only what was predicted at this time or later, like 2026-01-05 or 2026-01-05T08:30Z.
    to
        Count only what was predicted before this time.
    like
        Another reference: count in its bins, so that both can be merged.
    config
        The configuration file.
    force
        Overwrite the file where it exists.
    """
    refuse_to_overwrite(out, force=force)
    settings = read_config(config)
    span = (_time("--from", from_, 0), _time("--to", to, FOREVER_MS))
    chunks = _within(files, frozenset(settings.topics.predictions), span)
    if like is None:
        profile = profile_of(chunks, model, events, settings)
    else:
        profile = profile_like(read_reference(like), chunks, model, events, settings)
    out.write_bytes(encode_profile(profile) + b"\n")
    note(f"{out}: reference of {model}, {profile.events:,} events, {len(profile.schema.signals)} signals")
    for sentence in unstable_sentences(profile):
        note(sentence)


def merge(
    files: Annotated[Sequence[Path], Parameter(negative=())],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    force: bool = False,
) -> None:
    """Make one reference of several that were counted in the same bins.

    Parameters
    ----------
    files
        The references, two or more.
    out
        The file to write.
    force
        Overwrite the file where it exists.
    """
    refuse_to_overwrite(out, force=force)
    if len(files) < 2:
        raise BadInput("two references at least are merged; name them all before -o")
    merged = read_reference(files[0])
    for path in files[1:]:
        other = read_reference(path)
        why = schema_difference(merged, other) or merged.difference(other)
        if why:
            raise BadInput(
                f"{path} cannot be merged with {files[0]}: {why}. "
                f"Build it anew with `driftd reference build --like {files[0]}`."
            )
        merged = merged.merge(other)
    profile = finished(merged)
    out.write_bytes(encode_profile(profile) + b"\n")
    note(f"{out}: reference of {profile.model}, {profile.events:,} events of {len(files)} references")
    for sentence in unstable_sentences(profile):
        note(sentence)


def _time(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    at_ms = parse_time(text)
    if at_ms is None:
        raise BadInput(f'{option} "{text}" is no time. Write one like 2026-01-05 or 2026-01-05T08:30Z.')
    return at_ms


def _within(
    files: Sequence[Path], predictions: frozenset[str], span: tuple[int, int]
) -> Iterator[list[Record]]:
    """The records of `files`, without predictions that are not within `span`, [from, to) in ms."""
    for path in files:
        for chunk in RecordingReader(path):
            yield [r for r in chunk if r.topic not in predictions or span[0] <= _at_ms(r, span[0]) < span[1]]


def _at_ms(record: Record, unknown: int) -> int:
    """When the event was; `unknown` where it does not say, so that it is rejected and counted as ever."""
    try:
        return _TIMED.decode(record.value or b"").at_ms
    except msgspec.DecodeError:
        return unknown


def profile_of(chunks: Iterator[list[Record]], model: str, events: int | None, config: Config) -> Profile:
    """The reference that the first `events` predictions of `model` in `chunks` make. Raises BadInput."""
    settings = config.for_model(model)
    learn = settings.reference.learn_events
    wanted = ENDLESS if events is None else events
    if wanted <= learn:
        raise BadInput(f"--events should be more than the {learn} that reference.learn_events takes")
    reference = settings.reference.model_copy(
        update={"reference_events": wanted, "grow_days": 0.0, "file": None}
    )
    counting = settings.model_copy(update={"reference": reference})
    engine = Engine(Config(topics=config.topics, limits=config.limits, defaults=counting))
    for chunk in chunks:
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


def profile_like(
    like: Profile, chunks: Iterator[list[Record]], model: str, events: int | None, config: Config
) -> Profile:
    """The reference that the first `events` predictions of `model` make in the bins of `like`. Raises BadInput."""
    if like.model != model:
        raise BadInput(f"the reference to be like is of model {like.model!r}, not of {model!r}")
    builder = Builder(cut_of(like), config.limits.categories_max, like.pane_events, like.cycle)
    room = ENDLESS if events is None else events
    for chunk in chunks:
        if builder.events == 0:
            _check_alike(like, chunk, model, config)
        batch = decode(chunk, config.topics, config.limits, {model: like.schema})
        table = batch.models.get(model)
        found = None if table is None else table.predictions
        if isinstance(found, PredictionColumns):
            places = RecordPlaces(found.at_ms, found.positions.tolist(), chunk)
            count = min(room - builder.events, len(places))
            builder.add(Columns(found.numbers, found.categories).slice(0, count), places.slice(0, count))
    if not builder.events:
        raise BadInput(f"there is no event of model {model!r} in these recordings")
    return builder.build(model, like.version)


def _check_alike(like: Profile, chunk: Sequence[Record], model: str, config: Config) -> None:
    """Raises BadInput where the first events show other signals than `like` has."""
    table = decode(chunk, config.topics, config.limits, {}).models.get(model)
    rows = None if table is None else table.predictions
    if not isinstance(rows, PredictionRows):
        return
    learn = config.for_model(model).reference.learn_events
    schema = learn_schema(rows.rows[:learn], like.schema.others)
    why = schema_difference(like, schema)
    if why:
        raise BadInput(f"the recordings are not like the reference: {why}")
