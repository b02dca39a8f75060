"""Who tells that labels have stopped. Rule: one stop is one incident, told by whoever tells it first.

Ticks know when no label comes that finds its prediction (see `pulse`), and the label watch knows when so few come that
the rest is next to nothing. Silence goes first: where ticks know how many labels are to come now, a stop that the label
watch finds waits, for silence, or for the next label, which shows that it is none. What one of both tells, the other
leaves out. Labels are counted, not timed, so that it does not matter whose clock events carry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from driftd.engine.pulse import Pulse
from driftd.engine.pulse_words import LABELS, MATCHES, feed_of
from driftd.engine.stream import Evaluation
from driftd.labelling.finding import LabelFinding, What

SILENCES: Final = frozenset({LABELS, MATCHES})


@dataclass(slots=True)
class LabelStops:
    """What was known at the last tick of the labels of one model.

    `is_known`: ticks know how many are to come. `silent_at` is how many labels had come when they were silent last, and
    `found_at` how many when the label watch found the stop that holds, -1 for never; `is_told`: that stop is told.
    """

    is_known: bool = False
    silent_at: int = -1
    found_at: int = -1
    is_told: bool = False

    def tick(self, at_ms: int, pulse: Pulse, labels: int) -> None:
        """Take what `pulse` knows at `at_ms`, after so many labels."""
        silence, rhythm = pulse.settings.silence, pulse.rhythms[MATCHES]
        self.is_known = silence.enabled and rhythm.is_known(silence.shortest_ms) and rhythm.has_seen(at_ms)
        if not self.is_told and not SILENCES.isdisjoint(pulse.silent):
            self.silent_at = labels

    def to_tell(self, findings: Sequence[LabelFinding], labels: int) -> list[LabelFinding]:
        """Those of the label watch's `findings`, after so many labels, that silence does not tell."""
        stop = next((one for one in findings if one.what is What.LABELS_STOPPED), None)
        if stop is None:
            self.found_at, self.is_told = -1, False
            return list(findings)
        if self.found_at < 0:
            self.found_at = labels
        waits = self.is_known and labels == self.found_at
        self.is_told = self.is_told or not (waits or stop.onset_number <= self.silent_at)
        return [one for one in findings if self.is_told or one is not stop]

    def but_told(self, ticked: Evaluation | None) -> Evaluation | None:
        """What ticks found, without the silence of labels, or of a partition of them, that the label watch tells."""
        if ticked is None or not self.is_told:
            return ticked
        return replace(
            ticked, findings=tuple(one for one in ticked.findings if feed_of(one.signal) not in SILENCES)
        )

    def to_json(self) -> dict[str, Any]:
        """All that is needed to go on exactly like this."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LabelStops":
        """The stops of `to_json`."""
        return cls(**document)
