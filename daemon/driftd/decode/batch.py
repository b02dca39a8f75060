"""Records to a batch. Rule: bytes are decoded by the fastest way that is sure; the rest goes on.

For a model that is known: its generated struct, then the generic one, then the contract's, which decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftd.contract.events_in import (
    CONTROL_EVENTS,
    Command,
    Deployment,
    Label,
    Prediction,
    RetrainingReply,
    Tick,
)
from driftd.contract.record import Record
from driftd.contract.rejection import RejectionReason
from driftd.decode.columns import (
    INVALID,
    Batch,
    LabelColumns,
    ModelTable,
    PredictionColumns,
    PredictionRows,
    columns_from_rows,
    joined_columns,
    label_columns,
)
from driftd.decode.limits import Limits, Topics, check_time
from driftd.decode.native import Native, native_of
from driftd.decode.rejections import Refused, Rejection
from driftd.decode.rows import TEXT_LENGTH_MAX, LabelRow, Loose, PredictionRow, cut_text, cut_texts
from driftd.decode.schema import Schema, SignalType
from driftd.decode.sequence import Numbered, Stamp, stamp_of_envelope, stamps_of
from driftd.decode.strict import SHALLOW_BYTES_MAX, check_bytes, syntax, validated

__all__ = [
    "INVALID", "Batch", "LabelColumns", "ModelTable", "PredictionColumns", "PredictionRow", "PredictionRows",
    "columns_from_rows", "decode", "decode_control",
]  # fmt: skip

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')
_PREDICTION = msgspec.json.Decoder(PredictionRow).decode
_LABEL = msgspec.json.Decoder(LabelRow).decode
BYTES_PER_FEATURE_MIN = 5
"""`"a":1` with its comma: no value shorter than that many bytes per feature holds too many features."""


@dataclass(slots=True)
class _Share:
    """One model's share while it is being gathered. `odd` events of a known model went the slow way."""

    model: str
    native: Native | None
    decode: Callable[[Any], Any]
    positions: list[int] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    odd_positions: list[int] = field(default_factory=list)
    odd: list[PredictionRow] = field(default_factory=list)
    label_positions: list[int] = field(default_factory=list)
    labels: list[LabelRow] = field(default_factory=list)


def decode(records: Sequence[Record], topics: Topics, limits: Limits, schemas: Mapping[str, Schema]) -> Batch:
    """The batch of `records` of predictions and labels; models with a schema as columns, others as rows."""
    gatherer = _Gatherer(limits, schemas)
    prediction_topics = frozenset(topics.predictions)
    for position, record in enumerate(records):
        try:
            if record.topic in prediction_topics:
                gatherer.prediction(position, record)
            else:
                gatherer.label(position, record)
        except Refused as refused:
            gatherer.rejected.append(refused.at(position))
    tables = {
        model: _table(share, schemas.get(model))
        for model, share in gatherer.shares.items()
        if share.positions or share.odd or share.labels
    }
    stamps = stamps_of(records, gatherer.enveloped)
    if not stamps:
        return Batch(tables, gatherer.rejected)
    models = _models(tables, gatherer.rejected)
    numbered = [Numbered(position, models[position], *stamp) for position, stamp in stamps.items()]
    return Batch(tables, gatherer.rejected, numbered)


def decode_control(
    record: Record, limits: Limits
) -> Deployment | RetrainingReply | Command | Tick | Rejection:
    """The event of a control record, or why it is none (at position 0)."""
    try:
        loose = syntax(record.value, limits.event_bytes_max)
        data = _enveloped(loose)
        if data is not None:
            loose = syntax(data, limits.event_bytes_max)
        accepted = validated(loose, _control_event(loose), limits.event_features_max)
        check_time(accepted.at_ms, record, limits, getattr(accepted, "model", None))
    except Refused as refused:
        return refused.at(0)
    return accepted


def _control_event(loose: Loose) -> type[Deployment | RetrainingReply | Command | Tick]:
    event = CONTROL_EVENTS.get(loose.type) if isinstance(loose.type, str) else None
    if event is None:
        known = ", ".join(CONTROL_EVENTS)
        raise Refused(RejectionReason.UNKNOWN_EVENT_TYPE, f"type should be one of {known}")
    return event


class _Gatherer:
    """Decodes record by record into shares by model."""

    def __init__(self, limits: Limits, schemas: Mapping[str, Schema]) -> None:
        self.limits = limits
        self.schemas = schemas
        self.shares: dict[str, _Share] = {}
        self.hinted: dict[bytes, _Share] = {}
        self.last: _Share | None = None
        self.needle = b"\x00"
        self.rejected: list[Rejection] = []
        self.enveloped: dict[int, Stamp] = {}
        self.bytes_max = limits.event_bytes_max
        self.fast_bytes_max = min(self.bytes_max, limits.event_features_max * BYTES_PER_FEATURE_MIN)
        self.sure_bytes_max = min(self.fast_bytes_max, SHALLOW_BYTES_MAX)
        self.skew_max_ms = limits.clock_skew_max_ms

    def prediction(self, position: int, record: Record) -> None:
        """Take a record of a predictions topic. Raises Refused."""
        value = record.value
        if value is None or len(value) > self.sure_bytes_max or not value.isascii():
            value = check_bytes(value, self.bytes_max)
        share = self.last if self.needle in value else self._hinted(value)
        if share is not None and len(value) <= self.fast_bytes_max:
            try:
                event = share.decode(value)
            except (msgspec.MsgspecError, RecursionError, ValueError):
                pass
            else:
                if event.model == share.model:
                    if event.at_ms > record.timestamp_ms + self.skew_max_ms:
                        check_time(event.at_ms, record, self.limits, event.model)
                    if len(value) > TEXT_LENGTH_MAX and share.native is not None:
                        share.native.cut_texts(event)
                    share.positions.append(position)
                    share.events.append(event)
                    return
        self._odd(position, record, self._row(position, value))

    def label(self, position: int, record: Record) -> None:
        """Take a record of a labels topic. Raises Refused."""
        value = check_bytes(record.value, self.bytes_max)
        try:
            row = _LABEL(value)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            loose = syntax(value, self.bytes_max)
            data = self._opened(position, loose)
            if data is not None:
                loose = syntax(data, self.bytes_max)
            accepted = validated(loose, Label, self.limits.event_features_max)
            row = LabelRow(**{name: getattr(accepted, name) for name in LabelRow.__struct_fields__})
        check_time(row.at_ms, record, self.limits, row.model)
        row.label = cut_text(row.label)
        share = self._share(row.model)
        share.label_positions.append(position)
        share.labels.append(row)

    def _row(self, position: int, value: bytes) -> PredictionRow:
        """The event of `value` as a generic row, by the contract where the fast way is not sure."""
        row = self._generic(value)
        if row is not None:
            return row
        loose = syntax(value, self.bytes_max)
        data = self._opened(position, loose)
        if data is not None:
            row = self._generic(data)
            if row is not None:
                return row
            loose = syntax(data, self.bytes_max)
        accepted = validated(loose, Prediction, self.limits.event_features_max)
        return PredictionRow(**{name: getattr(accepted, name) for name in PredictionRow.__struct_fields__})

    def _opened(self, position: int, loose: Loose) -> bytes | None:
        """What `_enveloped` finds; what the envelope says of its producer's sequence is noted."""
        data = _enveloped(loose)
        stamp = None if data is None else stamp_of_envelope(loose)
        if stamp is not None:
            self.enveloped[position] = stamp
        return data

    def _generic(self, value: bytes) -> PredictionRow | None:
        """The event of `value`, None where the fast way is not sure that it is one."""
        if len(value) > self.fast_bytes_max:
            return None
        try:
            return _PREDICTION(value)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None

    def _odd(self, position: int, record: Record, row: PredictionRow) -> None:
        check_time(row.at_ms, record, self.limits, row.model)
        cut_texts(row)
        share = self._share(row.model)
        if share.native is None:
            share.positions.append(position)
            share.events.append(row)
        else:
            share.odd_positions.append(position)
            share.odd.append(row)

    def _hinted(self, value: bytes) -> _Share | None:
        """The share of the known model that `value` seems to be of; the next value is tried with it first."""
        hint = _MODEL.search(value)
        if hint is None:
            return None
        name = hint.group(1)
        share = self.hinted.get(name)
        if share is None and (model := name.decode(errors="replace")) in self.schemas:
            share = self.hinted[name] = self._share(model)
        if share is not None:
            self.last, self.needle = share, hint.group(0)
        return share

    def _share(self, model: str) -> _Share:
        share = self.shares.get(model)
        if share is None:
            schema = self.schemas.get(model)
            native = None if schema is None else native_of(schema)
            share = self.shares[model] = _Share(
                model, native, _PREDICTION if native is None else native.decode
            )
        return share


def _enveloped(loose: Loose) -> bytes | None:
    """The event in a CloudEvent that was sent in structured form, None where it is no such envelope."""
    if (
        loose.specversion is msgspec.UNSET
        or loose.data is msgspec.UNSET
        or loose.prediction_id is not msgspec.UNSET
    ):
        return None
    return bytes(loose.data)


def _models(tables: Mapping[str, ModelTable], rejected: Sequence[Rejection]) -> dict[int, str | None]:
    """Whose the records are, by position."""
    models = {rejection.position: rejection.model for rejection in rejected}
    for model, table in tables.items():
        for columns in (table.predictions, table.labels):
            if columns is not None:
                models |= dict.fromkeys(columns.positions.tolist(), model)
    return models


def _table(share: _Share, schema: Schema | None) -> ModelTable:
    labels = label_columns(share.label_positions, share.labels) if share.labels else None
    positions = np.array(share.positions, np.int64)
    if share.native is None or schema is None:
        rows = PredictionRows(positions, share.events) if share.events else None
        return ModelTable(rows, labels)
    columns = _native_columns(share.native, positions, share.events) if share.events else None
    if share.odd:
        slow = columns_from_rows(PredictionRows(np.array(share.odd_positions, np.int64), share.odd), schema)
        columns = slow if columns is None else joined_columns(columns, slow)
    return ModelTable(columns, labels)


def _native_columns(native: Native, positions: NDArray[np.int64], events: Sequence[Any]) -> PredictionColumns:
    features = native.features(events)
    categories = native.categories(features)
    predictions = [event.prediction for event in events]
    if native.prediction_type is SignalType.CATEGORY:
        categories.append(
            [value if value is None or isinstance(value, str) else INVALID for value in predictions]
        )
    return PredictionColumns(
        positions,
        [event.prediction_id for event in events],
        np.array([event.at_ms for event in events], np.int64),
        [event.model_version for event in events],
        predictions,
        native.numbers(events, features),
        categories,
        [event.segment for event in events],
    )
