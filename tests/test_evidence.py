"""Evidence: what it finds, what it leaves alone, and that nobody can tell how its stream was cut, or restarted."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftd.config_models import ModelSettings
from driftd.decode.batch import INVALID
from driftd.decode.schema import Schema, Signal, SignalType
from driftd.detectors.base import Chance, Effect, Finding
from driftd.detectors.evidence import EvidenceDetector
from driftd.engine.stream import Evaluation, Stream, StreamName
from driftd.reference.cut import start
from driftd.reference.panes import Columns, Pane, Place, PlaceList, merged
from driftd.reference.profile import Profile

Numbers: TypeAlias = NDArray[np.float64]
FIRST_MS: Final = 1_767_571_200_000
REFERENCE: Final = 3_000
SCHEMA: Final = Schema(
    (
        Signal("features.number", SignalType.NUMBER),
        Signal("features.flag", SignalType.BOOLEAN),
        Signal("features.level", SignalType.CATEGORY),
    )
)


def model_settings(**tables: dict[str, Any]) -> ModelSettings:
    """A budget of one in a million events, panes of 16, no cycle, a reference that does not grow."""
    plain: dict[str, dict[str, Any]] = {
        "budget": {"per_events": 1_000_000},
        "panes": {"events": 16},
        "reference": {"learn_events": 500, "reference_events": REFERENCE, "grow_days": 0.0, "cycle": "none"},
    }
    return ModelSettings.model_validate({**plain, **tables})


def normal(count: int, seed: int = 1) -> Columns:
    """A standard normal number, a flag that is set now and then, and one of four levels."""
    rng = np.random.default_rng(seed)
    numbers = np.vstack([rng.normal(size=count), (rng.random(count) < 0.1).astype(float)])
    levels: list[object] = rng.choice(["a", "b", "c", "d"], count, p=[0.5, 0.3, 0.15, 0.05]).tolist()
    return Columns(numbers, [levels])


def places(count: int, first: int = 0, step_ms: int = 8_640) -> PlaceList:
    """Events in order, `step_ms` apart."""
    numbers = range(first, first + count)
    return PlaceList([Place(FIRST_MS + i * step_ms, "predictions", 0, i) for i in numbers])


def watching(settings_: ModelSettings | None = None, columns: Columns | None = None) -> Stream:
    """A stream that has counted its reference, of normal events or of `columns`."""
    stream = Stream(StreamName.INPUTS, "m", None, settings_ or model_settings(), 50)
    known = normal(REFERENCE) if columns is None else columns
    stream.start(start(SCHEMA, known.slice(0, 500)), places(500))
    stream.add(known, places(REFERENCE))
    assert stream.profile is not None
    return stream


def profile_of(stream: Stream) -> Profile:
    assert stream.profile is not None
    return stream.profile


def detector_of(stream: Stream) -> EvidenceDetector:
    assert stream.watchers is not None
    (detector,) = stream.watchers._panes.values()
    assert isinstance(detector, EvidenceDetector)
    return detector


def fed(stream: Stream, columns: Columns, cuts: Sequence[int], step_ms: int = 8_640) -> list[Evaluation]:
    """What `stream` says of `columns`, which come after the reference, cut at `cuts`; places instead of indices."""
    count = columns.numbers.shape[1]
    ends = [*sorted(min(cut, count) for cut in cuts), count]
    told: list[Evaluation] = []
    for begin, end in zip([0, *ends], ends, strict=False):
        told += stream.add(columns.slice(begin, end), places(end - begin, REFERENCE + begin, step_ms))
    return told


def first_finding(stream: Stream, columns: Columns) -> tuple[int, Finding]:
    """After how many events the first thing was found, and what it was."""
    for evaluation in fed(stream, columns, []):
        if evaluation.findings:
            return evaluation.place.offset + 1 - REFERENCE, evaluation.findings[0]
    pytest.fail("nothing was found")


def with_number(columns: Columns, numbers: Numbers) -> Columns:
    return Columns(np.vstack([numbers, columns.numbers[1:]]), columns.categories)


def test_a_quiet_stream_stays_quiet() -> None:
    assert not any(evaluation.findings for evaluation in fed(watching(), normal(100_000, 2), []))


QUIET_EVENTS, WAIT = 700, 900
CHANGES: Final[dict[str, tuple[Callable[[Numbers], Numbers], Effect, int]]] = {
    "shifted by a deviation": (lambda x: x + 1, Effect.SHIFT, 150),
    "twice as wide": (lambda x: 2 * x, Effect.SHIFT, 300),
    "stuck": (lambda x: np.full_like(x, 0.1234), Effect.SHIFT, 100),
    "in another unit": (lambda x: 1000 * x, Effect.OUTSIDE, 50),
    "gone": (lambda x: np.full_like(x, np.nan), Effect.MISSING, 50),
    "now and then missing": (
        lambda x: np.where(np.arange(x.size) % 5 == 0, np.nan, x),
        Effect.MISSING,
        200,
    ),
    "of another type": (lambda x: np.full_like(x, np.inf), Effect.INVALID, 50),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_number_is_found_and_told_as_what_it_is(change: str) -> None:
    apply, effect, within = CHANGES[change]
    columns = normal(QUIET_EVENTS + WAIT, 3)
    numbers = columns.numbers[0].copy()
    numbers[QUIET_EVENTS:] = apply(numbers[QUIET_EVENTS:])
    after, finding = first_finding(watching(), with_number(columns, numbers))
    assert QUIET_EVENTS < after <= QUIET_EVENTS + within
    assert (finding.signal, finding.effect) == ("features.number", effect)
    assert abs(finding.onset.offset - REFERENCE - QUIET_EVENTS) <= 64
    assert finding.strength >= 1


@pytest.mark.parametrize(
    ("level", "effect"), [("new", Effect.UNSEEN), ("d", Effect.SHIFT), (INVALID, Effect.INVALID)]
)
def test_a_change_of_a_category_is_found_and_told_as_what_it_is(level: object, effect: Effect) -> None:
    columns = normal(QUIET_EVENTS + WAIT, 4)
    levels = list(columns.categories[0])
    levels[QUIET_EVENTS::3] = [level] * len(levels[QUIET_EVENTS::3])
    after, finding = first_finding(watching(), Columns(columns.numbers, [levels]))
    assert QUIET_EVENTS < after <= QUIET_EVENTS + 250
    assert (finding.signal, finding.effect) == ("features.level", effect)


def test_one_odd_value_is_no_finding() -> None:
    columns = normal(2_000, 5)
    numbers = columns.numbers[0].copy()
    numbers[[300, 900, 1500]] = [1e9, np.inf, -1e300]
    assert not any(e.findings for e in fed(watching(), with_number(columns, numbers), []))


def test_it_recovers_and_finds_the_next_change_with_an_onset_of_its_own() -> None:
    columns = normal(8_000, 6)
    numbers = columns.numbers[0].copy()
    numbers[1_000:2_000] += 2
    numbers[6_000:] -= 2
    found = [e for e in fed(watching(), with_number(columns, numbers), []) if e.findings]
    offsets = [e.place.offset - REFERENCE for e in found]
    assert not [offset for offset in offsets if 4_000 < offset < 6_000]
    again = next(e for e in found if e.place.offset - REFERENCE >= 6_000)
    assert abs(again.findings[0].onset.offset - REFERENCE - 6_000) <= 64


def test_a_smaller_error_is_no_finding_a_larger_one_is() -> None:
    schema = Schema((Signal("error", SignalType.BOOLEAN),))
    rng = np.random.default_rng(7)
    errors = np.concatenate([rng.random(REFERENCE) < 0.2, rng.random(4_000) < 0.02, rng.random(2_000) < 0.4])
    stream = Stream(
        StreamName.OUTCOMES, "m", None, model_settings(labels={"reference_events": REFERENCE}), 50
    )
    columns = Columns(errors.astype(float)[None], [])
    stream.start(start(schema, columns.slice(0, 500)), places(500))
    found = [e for e in stream.add(columns, places(errors.size)) if e.findings]
    assert REFERENCE + 4_000 < found[0].place.offset < REFERENCE + 4_600


@pytest.mark.parametrize("jump_ms", [-(10**10), 10**10, 0])
def test_a_clock_that_jumps_is_no_time_and_no_alarm(jump_ms: int) -> None:
    by_days = model_settings(budget={"per_days": 30.0})
    stream, columns = watching(by_days), normal(20_000, 8)
    later = places(10_000, REFERENCE + 10_000).places
    jumped = [Place(place.at_ms + jump_ms, "predictions", 0, place.offset) for place in later]
    told = stream.add(columns.slice(0, 10_000), places(10_000, REFERENCE))
    told += stream.add(columns.slice(10_000, 20_000), PlaceList(jumped))
    assert not any(evaluation.findings for evaluation in told)


ODD = st.one_of(st.floats(-3, 3), st.sampled_from([np.nan, np.inf, 1e308, -1e308, 5e-324, 0.0, 1e9]))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(ODD, min_size=1, max_size=40),
    st.lists(st.integers(0, 700), max_size=6),
    st.sampled_from([0, 1, 8_640, 86_400_000]),
)
def test_batches_and_restarts_are_invisible_and_evidence_is_a_number(
    values: list[float], cuts: list[int], step_ms: int
) -> None:
    settings_ = model_settings(budget={"per_days": 30.0})
    columns = normal(700, 9)
    columns = with_number(columns, np.resize(np.array(values), 700))
    profile = profile_of(watching(settings_))
    whole, cut = (Stream(StreamName.INPUTS, "m", None, settings_, 50) for _ in range(2))
    for stream in (whole, cut):
        stream.watch(profile)
    expected = [(e.place, e.findings) for e in fed(whole, columns, [], step_ms)]
    told: list[Any] = []
    ends = [*sorted(cuts), 700]
    for begin, end in zip([0, *ends], ends, strict=False):
        told += cut.add(columns.slice(begin, end), places(end - begin, REFERENCE + begin, step_ms))
        detector = detector_of(cut)
        chance = Chance(1.0, 1.0, detector.limit, detector.by_time, 16, detector.pane_ms)
        stored = msgspec.json.decode(msgspec.json.encode(detector.state()))
        assert cut.watchers is not None
        cut.watchers._panes = {"0:evidence": EvidenceDetector(profile, range(3), {}, chance, stored)}
    assert [(e.place, e.findings) for e in told] == expected
    assert detector_of(cut).state() == detector_of(whole).state()
    for array in (detector_of(whole).stakes, detector_of(whole).excursions):
        assert np.isfinite(array).all()
    assert (detector_of(whole).stakes >= 0).all()


@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=5), st.integers(0, 2**32))
def test_what_merged_panes_win_is_what_they_win_one_by_one(weights: list[int], seed: int) -> None:
    detector = MERGING
    rng = np.random.default_rng(seed)
    panes = []
    for weight in weights:
        counts = rng.multinomial(weight, np.full(20, 0.05), size=3).astype(np.int64)
        panes.append(Pane(Place(0, "p", 0, 0), Place(0, "p", 0, 0), weight, counts, np.zeros(3, np.int64)))
    slopes = detector.bets.slopes

    def won(pane: Pane) -> Numbers:
        products: Numbers = np.matmul(pane.counts[:, None, :].astype(np.float64), slopes)[:, 0]
        return products

    assert np.array_equal(won(merged(panes)), sum(won(pane) for pane in panes))


MERGING: Final = detector_of(watching())


def test_a_signal_that_wanders_too_much_for_its_reference_is_not_judged_and_the_others_are() -> None:
    columns = normal(REFERENCE, 10)
    walk = np.cumsum(np.random.default_rng(11).normal(size=REFERENCE)) * 0.1
    stream = watching(columns=with_number(columns, walk))
    bets = detector_of(stream).bets
    assert bets.muted.tolist() == [True, False, False]
    assert np.isclose(bets.weights.sum(), 1.0)


@pytest.mark.parametrize(
    "numbers",
    [
        np.full(REFERENCE, 7.0),
        np.full(REFERENCE, np.nan),
        np.resize([1.0, 2.0], REFERENCE),
        np.full(REFERENCE, np.inf),
    ],
    ids=["constant", "all missing", "two values", "all invalid"],
)
def test_odd_references_stay_quiet_and_tell_a_change(numbers: Numbers) -> None:
    quiet, changed = normal(5_000, 12), normal(500, 13)
    stream = watching(columns=with_number(normal(REFERENCE), numbers))
    assert not any(e.findings for e in fed(stream, with_number(quiet, np.resize(numbers, 5_000)), []))
    found = stream.add(changed, places(500, REFERENCE + 5_000))
    assert any(f.signal == "features.number" for e in found for f in e.findings)


@pytest.mark.parametrize(("step_ms", "pane_events"), [(28_800_000, 4), (8_640, 16), (20, 32), (0, 512)])
def test_one_configuration_suits_three_events_a_day_and_fifty_thousand_a_second(
    step_ms: int, pane_events: int
) -> None:
    stream = Stream(StreamName.INPUTS, "m", None, ModelSettings(), 50)
    columns = normal(20_000, 14)
    numbers = columns.numbers[0].copy()
    numbers[15_000:] += 3
    columns = with_number(columns, numbers)
    stream.start(start(SCHEMA, columns.slice(0, 500)), places(500, 0, step_ms))
    told = stream.add(columns, places(20_000, 0, step_ms))
    speaks = [bool(e.findings) for e in told]
    rises = [
        e.place.offset for e, now, before in zip(told[1:], speaks[1:], speaks, strict=False) if now > before
    ]
    false = [offset for offset in rises if offset < 15_000]
    assert stream.counter is not None
    assert stream.counter.pane_events == pane_events
    # three events a day have 90 to the budget of 30 days
    assert len(false) <= 15_000 * step_ms / (30 * 86_400_000)
    soon = range(15_000, 15_000 + max(2 * pane_events, 64))
    assert any(
        e.place.offset in soon and e.findings[0].signal == "features.number" for e in told if e.findings
    )
