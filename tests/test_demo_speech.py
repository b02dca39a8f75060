"""The speech demo: what its table says is so, and the recording that it replays is what the script makes."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from architecture import ROOT
from driftd.cli.app import main
from driftd.contract.record import Record
from driftd.shells.recording import RecordingReader, encode_line
from examples.speech.features import NAMES
from examples.speech.fsdd import read_takes
from examples.speech.happenings import HAPPENINGS, What
from examples.speech.listening import Listened, Listener, key_of
from examples.speech.make_recording import known_facts, records, told
from examples.speech.recogniser import Heard
from examples.speech.stream import stream

SHIPPED = ROOT / "daemon" / "driftd" / "demo"
FSDD = ROOT.parent / "shared" / "data" / "fsdd" / "fsdd.tar.xz"
SAMPLED = 1_009
"""Each of so many utterances is said and recognised anew."""


HOURS_MAX = {What.FILLER: 48, What.SPEAKERS: 48, What.SWAP: 36, What.HUM: 72}
"""Where a day is too short: a filler is rare, labels are late, and the hum is nothing to begin with."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that the demo prints."""
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in ("demo_speech", "replay"):
            patch.setattr(f"driftd.cli.{module}.say", printed.append)
        assert main(["demo", "speech", "--out", str(tmp_path_factory.mktemp("demo"))]) == 0
    return "\n".join(printed).splitlines()


@pytest.fixture(scope="module")
def recorded() -> list[Record]:
    return [record for chunk in RecordingReader(SHIPPED / "speech.jsonl.zst") for record in chunk]


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SHIPPED / "speech.json").read_text(encoding="utf-8"))
    return document


def rows(shown: list[str]) -> Iterator[tuple[str, str]]:
    """What happened, each with what was said of it."""
    lines = shown[shown.index("What happened, and what driftd said of it:") + 2 :]
    begins = [place for place, line in enumerate(lines) if "  accident  " in line or "  harmless  " in line]
    end_of_table = next(place for place, line in enumerate(lines) if "  deployed  " in line)
    for begin, end in pairwise([*begins, end_of_table]):
        yield lines[begin], " ".join(line.strip() for line in lines[begin + 1 : end])


def answers(recorded: list[Record]) -> dict[str, Listened]:
    """What was measured and heard, by prediction id, as it stands in the recording."""
    heard: dict[str, Listened] = {}
    for record in recorded:
        if record.topic == "predictions":
            event = json.loads(record.value or b"")
            text, scores = event["prediction"], dict(event.get("scores", {}))
            other = max(
                (name for name in scores if name != text), key=lambda name: scores[name], default=None
            )
            answer = Heard(text, other, event["features"].get("confidence"))
            heard[event["prediction_id"]] = Listened({n: event["features"][n] for n in NAMES}, answer)
    return heard


def stages(found: str) -> dict[str, int]:
    """Each stage that was named, and how many hours later."""
    return {stage: int(hours) for hours, stage in re.findall(r"(\d+) h later: \w+, go back to (\w+)", found)}


def test_each_accident_is_found_with_the_stage_to_go_back_to(shown: list[str]) -> None:
    said = list(rows(shown))
    assert len(said) == len(HAPPENINGS)
    for one, (happened, found) in zip(HAPPENINGS, said, strict=True):
        assert one.fact in happened
        if one.stage is not None:
            assert stages(found)[one.stage] <= HOURS_MAX.get(one.what, 24), happened


def test_what_is_harmless_wakes_nobody(shown: list[str]) -> None:
    harmless = [found for happened, found in rows(shown) if "  harmless  " in happened]
    assert len(harmless) == sum(one.stage is None for one in HAPPENINGS) > 1
    assert set(harmless) == {"nothing was said"}
    assert "false pages: 0" in shown


def test_a_new_version_was_asked_for_and_errs_less(shown: list[str], facts: dict[str, Any]) -> None:
    (place,) = [place for place, line in enumerate(shown) if "  deployed  " in line]
    assert "performance, go back to data" in shown[place + 1]
    version = facts["version_2"]
    assert version["word_error_after"] < 0.5 * version["word_error_before"]
    assert f"{version['word_error_before']:.1%} -> {version['word_error_after']:.1%}" in shown[place]


def test_the_page_shows_what_the_demo_prints(shown: list[str]) -> None:
    page = (ROOT / "docs" / "speech.md").read_text(encoding="utf-8")
    table = page.partition("## 4.")[2].partition("```text\n")[2].partition("```")[0].splitlines()
    assert len(table) > 30
    assert [line for line in table if line not in shown] == []


def test_the_table_fits_a_terminal(shown: list[str]) -> None:
    assert max(map(len, shown)) <= 130


def test_the_script_makes_the_recording_out_of_what_was_heard(
    recorded: list[Record], facts: dict[str, Any]
) -> None:
    heard, said = answers(recorded), stream()
    events = told(said, {key_of(one): heard[one.prediction_id] for one in said})
    made = list(records(events))
    assert next((pair for pair in zip(made, recorded, strict=True) if pair[0] != pair[1]), None) is None
    content = b"".join(map(encode_line, made))
    assert sha256(content).hexdigest() == facts["content_sha256"]
    assert known_facts(said, events, content) == facts


@pytest.mark.skipif(not FSDD.exists(), reason=f"the recordings of FSDD are not there: {FSDD}")
def test_real_speech_is_heard_as_it_is_recorded(recorded: list[Record]) -> None:
    heard, listener = answers(recorded), Listener(read_takes(FSDD))
    for one in stream()[::SAMPLED]:
        listened, expected = listener.listen(one), heard[one.prediction_id]
        assert listened.features == pytest.approx(expected.features, rel=2e-3), one
        assert listened.heard.text == expected.heard.text, one


def test_the_recording_is_small_and_says_whose_the_speech_is() -> None:
    assert (SHIPPED / "speech.jsonl.zst").stat().st_size < 3_000_000
    notice = (SHIPPED / "NOTICE").read_text(encoding="utf-8")
    assert "Free Spoken Digit Dataset" in notice
    assert "CC BY-SA 4.0" in notice
