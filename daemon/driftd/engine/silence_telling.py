"""Silences as events: only the compacted topic of what is open now has them. Rule: nobody is woken by a silence."""

from dataclasses import asdict

from driftd.contract.cloudevents import EventType, Headers, encode_cloudevent
from driftd.contract.events_out import SilenceData
from driftd.contract.standing import Subject
from driftd.engine.identity import SOURCE, derived_id
from driftd.engine.outputs import OutputEvent, OutputTopic
from driftd.engine.silences import Silence
from driftd.reference.panes import Place

NO_HEADERS: Headers = ()


def silence_begun(silence: Silence, place: Place) -> OutputEvent:
    """The event that `silence` holds."""
    data = SilenceData(**asdict(silence) | {"signals": list(silence.signals)})
    return _event(silence, place, data)


def silence_ended(silence: Silence, place: Place) -> OutputEvent:
    """The event that `silence` is forgotten."""
    return _event(silence, place, None)


def _event(silence: Silence, place: Place, data: SilenceData | None) -> OutputEvent:
    event_type = EventType.SILENCE_BEGUN
    event_id = derived_id("silence", silence.silence_id, data is None)
    value, headers = b"", NO_HEADERS
    if data is not None:
        value, headers = encode_cloudevent(event_type, event_id, SOURCE, silence.model, place.at_ms, data)
    return OutputEvent(
        OutputTopic.INCIDENTS,
        silence.model,
        event_id,
        event_type,
        value,
        headers,
        Subject.SILENCE.key(silence.silence_id),
        data is None,
    )
