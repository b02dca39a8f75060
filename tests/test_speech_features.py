"""What the speech example measures of an utterance: signals whose figures are known, and files that are none."""

import io
import wave

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import wavfile

from examples.speech.audio import Audio, BadAudio, read_wav
from examples.speech.features import NAMES, features_of

RATE_HZ = 8_000
SECONDS = 0.6
BREAK_S = 0.2
RANDOM_SEED = 5


def tone(
    hz: float, seconds: float = SECONDS, rate_hz: int = RATE_HZ, level: float = 0.1
) -> NDArray[np.float64]:
    """A tone with four overtones, as voiced speech has, whose power is that of a constant `level`."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    sound = np.sum([np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 5)], axis=0)
    return np.asarray(sound * level / np.sqrt((sound**2).mean()), np.float64)


def spoken(
    *, level: float = 0.1, noise: float = 1e-4, hz: float = 150.0, parts: int = 1, part_s: float = SECONDS
) -> Audio:
    """Tones as syllables, with breaks between and around them, over white noise."""
    quiet = np.zeros(round(BREAK_S * RATE_HZ))
    pieces = [quiet]
    for _ in range(parts):
        pieces += [tone(hz, part_s, level=level), quiet]
    sound = np.concatenate(pieces)
    return Audio(sound + np.random.default_rng(RANDOM_SEED).normal(0.0, noise, len(sound)), RATE_HZ)


def known(audio: Audio) -> dict[str, float]:
    """The figures of an utterance that has all of them."""
    figures = features_of(audio)
    assert list(figures) == list(NAMES)
    told = {name: value for name, value in figures.items() if value is not None}
    assert set(told) == set(figures)
    return told


def packed(samples: NDArray[np.generic], rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, rate_hz, samples)
    return file.getvalue()


def test_the_figures_of_a_known_signal() -> None:
    figures = known(spoken())
    assert figures["duration_s"] == pytest.approx(1.0)
    assert figures["loudness_dbfs"] == pytest.approx(-20.0, abs=0.5)
    assert figures["snr_db"] == pytest.approx(60.0, abs=2.0)
    assert figures["silence_share"] == pytest.approx(0.4, abs=0.05)
    assert figures["pitch_hz"] == pytest.approx(150.0, rel=0.02)
    assert figures["clipping_share"] == 0.0
    assert 150.0 < figures["centroid_hz"] < 300.0


def test_half_the_gain_is_six_decibels_less_and_nothing_else() -> None:
    before, after = known(spoken(level=0.1, noise=1e-4)), known(spoken(level=0.05, noise=5e-5))
    assert after["loudness_dbfs"] - before["loudness_dbfs"] == pytest.approx(-6.02, abs=0.05)
    for name in set(NAMES) - {"loudness_dbfs"}:
        assert after[name] == pytest.approx(before[name], rel=1e-6), name


def test_more_noise_is_a_lower_signal_to_noise_ratio() -> None:
    ratios = [known(spoken(noise=noise))["snr_db"] for noise in (1e-3, 3e-3, 1e-2)]
    assert ratios == pytest.approx([40.0, 30.5, 20.0], abs=2.0)


@pytest.mark.parametrize("hz", [90.0, 150.0, 240.0, 330.0])
def test_pitch_is_that_of_the_voice(hz: float) -> None:
    assert known(spoken(hz=hz))["pitch_hz"] == pytest.approx(hz, rel=0.03)


def test_syllables_are_counted_in_the_time_of_speech() -> None:
    figures = known(spoken(parts=4, part_s=0.25))
    assert figures["syllables_per_s"] == pytest.approx(4.0, rel=0.15)


def test_clipped_samples_are_those_that_stand_at_full_scale() -> None:
    loud = spoken(level=0.8)
    share = float((np.abs(loud.samples) >= 1.0).mean())
    figures = features_of(Audio(np.clip(loud.samples, -1.0, 1.0), RATE_HZ))
    assert share > 0.05
    assert figures["clipping_share"] == pytest.approx(share, rel=0.15)
    assert (features_of(loud)["clipping_share"] or 0.0) < 0.1 * share


def test_roll_off_lies_where_most_of_the_power_is_below() -> None:
    rng = np.random.default_rng(RANDOM_SEED)
    quiet = np.zeros(800)
    white = Audio(np.concatenate([quiet, rng.normal(0.0, 0.1, 8_000), quiet]), RATE_HZ)
    figures = features_of(white)
    assert figures["rolloff_hz"] == pytest.approx(0.85 * RATE_HZ / 2, rel=0.03)
    assert figures["centroid_hz"] == pytest.approx(RATE_HZ / 4, rel=0.03)
    assert figures["pitch_hz"] is None


def test_silence_has_a_duration_and_nothing_that_would_be_made_up() -> None:
    figures = features_of(read_wav(packed(np.zeros(4_000, np.int16))))
    assert {name for name, value in figures.items() if value is not None} == {
        "duration_s",
        "clipping_share",
        "silence_share",
    }
    assert figures["silence_share"] == 1.0


def test_five_milliseconds_are_too_short_for_a_frame() -> None:
    figures = features_of(read_wav(packed((tone(200.0, 0.005) * 32_767).astype(np.int16))))
    assert figures["duration_s"] == pytest.approx(0.005)
    assert {name for name, value in figures.items() if value is None} == set(NAMES) - {
        "duration_s",
        "clipping_share",
    }


def test_two_channels_of_floats_at_48_khz_are_the_same_utterance() -> None:
    mono = spoken()
    wide = mono.at(48_000)
    both = np.stack([wide.samples * 1.5, wide.samples * 0.5], axis=1).astype(np.float32)
    read = read_wav(packed(both, 48_000)).at(RATE_HZ)
    assert features_of(read)["loudness_dbfs"] == pytest.approx(known(mono)["loudness_dbfs"], abs=0.1)
    assert features_of(read)["pitch_hz"] == pytest.approx(known(mono)["pitch_hz"], rel=0.01)


@pytest.mark.parametrize("type_name", ["uint8", "int16", "int32", "float32", "float64"])
def test_every_type_of_sample_has_the_same_scale(type_name: str) -> None:
    sound = spoken(level=0.3, noise=1e-2).samples
    kinds = {"uint8": sound * 127 + 128, "int16": sound * 32_767, "int32": sound * 2_147_483_000}
    samples = kinds.get(type_name, sound).astype(type_name)
    assert features_of(read_wav(packed(samples)))["loudness_dbfs"] == pytest.approx(-10.46, abs=0.3)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_that_was_cut_off_gives_what_is_there(channels: int) -> None:
    sound = (spoken(parts=3).samples * 32_767).astype(np.int16)
    whole = packed(sound if channels == 1 else np.stack([sound, sound], axis=1))
    half = read_wav(whole[: len(whole) // 2 + 1])
    assert half.is_cut
    assert not read_wav(whole).is_cut
    assert half.duration_s == pytest.approx(read_wav(whole).duration_s / 2, abs=0.01)
    assert features_of(half)["pitch_hz"] == pytest.approx(150.0, rel=0.02)


def headed(rate_hz: int, frames: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(b"\0\0" * frames)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"three seven two\n" * 40, "no WAV file"),
        (b"", "no WAV file"),
        (b"RIFF", "no WAV file"),
        (headed(RATE_HZ, 1)[:30], "no WAV file"),
        (headed(RATE_HZ, 0), "no samples"),
        (headed(100, 800), "100 samples per second"),
        (headed(RATE_HZ, RATE_HZ * 61), "lasts 61 s"),
        (packed(np.full(800, np.nan, np.float32)), "not finite"),
    ],
)
def test_what_is_no_sound_says_why(content: bytes, said: str) -> None:
    with pytest.raises(BadAudio, match=said):
        read_wav(content)
