"""The speech example's sound and recogniser: each thing that happens to a sound is that and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from examples.speech.adapting import Transcribed, adapt, high_pass
from examples.speech.audio import Audio, Samples
from examples.speech.features import features_of
from examples.speech.files import events
from examples.speech.fsdd import RATE_HZ, WORDS, Take, read_takes
from examples.speech.happenings import CODES, DAY_MS, DIGITS, HAPPENINGS, START_MS, What, going_on
from examples.speech.recogniser import NOTHING, Heard, Recogniser, Task, spectral_subtraction
from examples.speech.sound import Utterance, heard
from examples.speech.stream import stream

SPEAKER = "theo"


def voice(digit: int, number: int) -> Samples:
    """A tone for a recording of a digit, swelling and fading."""
    t = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * (110 + digit) * k * t) / k for k in range(1, 20))
    return np.asarray(tones * np.hanning(len(t)) * (1 + number / 100), np.float64)


TAKES: Mapping[Take, Samples] = {
    Take(d, SPEAKER, n): voice(d, n) for d in range(len(WORDS)) for n in range(50)
}
PLAIN = Utterance((Take(3, SPEAKER, 7),), seed=11)


def figures(utterance: Utterance) -> dict[str, float]:
    return {name: value for name, value in features_of(heard(utterance, TAKES)).items() if value is not None}


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


def test_the_same_utterance_is_the_same_sound() -> None:
    assert (heard(PLAIN, TAKES).samples == heard(PLAIN, TAKES).samples).all()
    assert (heard(PLAIN, TAKES).samples != heard(replace(PLAIN, seed=12), TAKES).samples).any()


def test_half_the_gain_is_six_decibels() -> None:
    before, after = figures(PLAIN), figures(replace(PLAIN, gain=0.5))
    assert after["loudness_dbfs"] - before["loudness_dbfs"] == pytest.approx(-6.02, abs=0.1)
    assert after["snr_db"] == pytest.approx(before["snr_db"], abs=0.5)


def test_an_overdriven_input_clips() -> None:
    assert figures(PLAIN)["clipping_share"] == 0.0
    assert figures(replace(PLAIN, overdrive=16.0))["clipping_share"] > 0.02


@pytest.mark.parametrize("snr_db", [30.0, 20.0, 10.0])
def test_hum_is_as_loud_as_the_utterance_says(snr_db: float) -> None:
    # speech fades, its loudest part is some dB above its level; so ratios are compared
    quiet, loud = replace(PLAIN, hum_snr_db=40.0, snr_db=80.0), replace(PLAIN, hum_snr_db=snr_db, snr_db=80.0)
    assert figures(quiet)["snr_db"] - figures(loud)["snr_db"] == pytest.approx(40.0 - snr_db, abs=2.5)


def test_a_telephone_line_lets_its_band_through_and_nothing_else() -> None:
    def power(utterance: Utterance) -> Samples:
        return np.asarray(np.abs(np.fft.rfft(heard(utterance, TAKES).samples)) ** 2)

    before, after = power(PLAIN), power(replace(PLAIN, is_telephone=True))
    hz = np.linspace(0, RATE_HZ / 2, len(before))
    assert after[hz < 200].sum() < 0.1 * before[hz < 200].sum()
    band = (hz > 500) & (hz < 3_000)
    assert after[band].sum() == pytest.approx(before[band].sum(), rel=0.2)


def test_an_um_comes_before_the_digits() -> None:
    plain, hesitating = heard(PLAIN, TAKES), heard(replace(PLAIN, hesitates=True), TAKES)
    assert hesitating.duration_s - plain.duration_s > 0.4


def test_the_stream_is_the_same_each_time_and_as_the_table_has_it() -> None:
    said = stream()
    assert said == stream()
    assert len({one.prediction_id for one in said}) == len(said) > 20_000
    for one in HAPPENINGS:
        assert one.what in going_on(one.model, one.begin)
        assert one.what not in going_on(one.model, one.end)
    days = {one.prediction_id: (one.at_ms - START_MS) / DAY_MS for one in said}
    changed = {
        What.GAIN: {one.prediction_id for one in said if one.utterance.gain < 1},
        What.CLIPPING: {one.prediction_id for one in said if one.utterance.overdrive > 1},
        What.TELEPHONE: {one.prediction_id for one in said if one.utterance.is_telephone},
        What.SPEAKERS: {one.prediction_id for one in said if one.crew == "temporary"},
    }
    for what, ids in changed.items():
        (row,) = [one for one in HAPPENINGS if one.what is what]
        assert row.begin <= min(days[one] for one in ids) < row.begin + 0.2
        assert row.end - 0.2 < max(days[one] for one in ids) < row.end
    assert {len(one.utterance.takes) for one in said if one.model == DIGITS} == {1}
    assert {len(one.utterance.takes) for one in said if one.model == CODES} == {3}


def test_what_came_before_decides_nothing(recogniser: Recogniser) -> None:
    first, other = (
        heard(replace(PLAIN, seed=seed, takes=(Take(seed % 10, SPEAKER, 1),)), TAKES) for seed in (4, 8)
    )
    alone = recogniser.recognise(first, Task.DIGIT)
    recogniser.recognise(Audio(other.samples * 0.1, RATE_HZ), Task.DIGIT)
    assert recogniser.recognise(first, Task.DIGIT) == alone


def test_scores_are_probabilities_of_all_digits() -> None:
    scores = Heard("five", "nine", 0.8).scores()
    assert list(scores) == list(WORDS)
    assert sum(scores.values()) == pytest.approx(1.0)
    assert scores["five"] == 0.8
    assert scores["nine"] == pytest.approx(0.2)


def test_steady_noise_is_taken_away_and_speech_is_left() -> None:
    noisy = heard(replace(PLAIN, hum_snr_db=5.0, snr_db=60.0), TAKES)
    clean = Audio(spectral_subtraction(noisy.samples, RATE_HZ), RATE_HZ)
    before, after = features_of(noisy), features_of(clean)
    assert (after["snr_db"] or 0.0) > (before["snr_db"] or 0.0) + 10.0
    assert len(spectral_subtraction(np.zeros(40), RATE_HZ)) == 40


def test_a_high_pass_leaves_what_is_high() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    low, high = np.sin(2 * np.pi * 100 * t), np.sin(2 * np.pi * 1_000 * t)
    assert np.sqrt((high_pass(low, RATE_HZ) ** 2).mean()) < 0.05
    assert np.sqrt((high_pass(high, RATE_HZ) ** 2).mean()) == pytest.approx(np.sqrt(0.5), rel=0.05)


class Fixed(Recogniser):
    """A recogniser that is right so many times."""

    def __init__(self, right: int) -> None:
        self.right = right

    def recognise(self, audio: Audio, task: Task) -> Heard:  # noqa: ARG002 - it does not listen
        """Right while it may be."""
        self.right -= 1
        return Heard("one" if self.right >= 0 else "two", None, None)


@pytest.mark.parametrize(
    ("right", "chosen"),
    [({"now": 50, "new": 90}, "new"), ({"now": 90, "new": 91}, "now"), ({"now": 90, "new": 50}, "now")],
)
def test_a_new_version_goes_out_only_where_it_errs_less(right: dict[str, int], chosen: str) -> None:
    transcribed = [Transcribed(Audio(np.zeros(1), RATE_HZ), "one")] * 100
    best, errors = adapt(transcribed, {name: partial(Fixed, n) for name, n in right.items()})
    assert best == chosen
    assert errors == {name: pytest.approx(1 - n / 100) for name, n in right.items()}


def test_every_file_gives_an_event_and_the_stream_goes_on(recogniser: Recogniser, tmp_path: Path) -> None:
    sound = heard(PLAIN, TAKES).samples
    whole = (sound * 32_767).astype(np.int16)
    wavfile.write(tmp_path / "good.wav", RATE_HZ, whole)
    wavfile.write(tmp_path / "silent.wav", RATE_HZ, np.zeros(4_000, np.int16))
    wavfile.write(tmp_path / "short.wav", RATE_HZ, whole[:40])
    wide = Audio(sound, RATE_HZ).at(48_000).samples.astype(np.float32)
    wavfile.write(tmp_path / "stereo.wav", 48_000, np.stack([wide, wide], axis=1))
    (tmp_path / "text.wav").write_text("three seven two\n" * 20)
    content = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) * 2 // 3])
    names = ["text.wav", "gone.wav", "silent.wav", "short.wav", "stereo.wav", "cut.wav", "good.wav"]
    told = list(events([tmp_path / name for name in names], DIGITS, recogniser, lambda: 1_780_272_000_000))
    by_name = dict(zip(names, told, strict=True))
    assert json.loads(json.dumps(told)) == told
    assert "no WAV file" in by_name["text.wav"]["error"]
    assert "gone.wav" in by_name["gone.wav"]["error"]
    assert set(by_name["text.wav"]["features"].values()) == {None}
    assert by_name["short.wav"]["features"]["duration_s"] == 0.005
    assert by_name["short.wav"]["prediction"] == NOTHING
    assert by_name["silent.wav"]["features"]["silence_share"] == 1.0
    assert "ends before" in by_name["cut.wav"]["error"]
    assert by_name["cut.wav"]["features"]["pitch_hz"] is not None
    good, stereo = by_name["good.wav"]["features"], by_name["stereo.wav"]["features"]
    assert stereo["loudness_dbfs"] == pytest.approx(good["loudness_dbfs"], abs=0.2)
    assert len({tuple(event["features"]) for event in told}) == 1


def test_a_folder_without_recordings_says_which_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"3,000 of 3,000 recordings are missing"):
        read_takes(tmp_path)
