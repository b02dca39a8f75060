"""The demo: what it shows is true, quick to read, and made by the script in examples/ out of the data there."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from architecture import ROOT
from driftd.cli.app import main

SHIPPED = ROOT / "daemon" / "driftd" / "demo"
EXAMPLE = ROOT / "examples" / "elec2" / "make_recording.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_recording", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo printed, and where it wrote."""
    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        for module in ("demo", "replay"):
            patch.setattr(f"driftd.cli.{module}.say", printed.append)
        assert main(["demo", "--out", str(out)]) == 0
    return "\n".join(printed), out


def test_the_recording_that_ships_is_what_the_script_makes(tmp_path: Path) -> None:
    example().make(tmp_path)
    for name in ("elec2.jsonl.gz", "elec2.json"):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), name


def test_the_model_learned_something_and_then_lost_it() -> None:
    facts = json.loads((SHIPPED / "elec2.json").read_text())
    quarters = [row["accuracy"] for row in facts["accuracy_by_quarter"]]
    assert facts["training_accuracy"] > 0.8
    assert quarters[0] > 0.8
    assert min(quarters) < 0.65


def test_each_known_fact_is_found_and_shown_beside_what_is_known(shown: tuple[str, Path]) -> None:
    lines = shown[0].splitlines()
    known = [place for place, line in enumerate(lines) if "  known  " in line]
    facts = json.loads((SHIPPED / "elec2.json").read_text())["facts"]
    assert len(known) == len(facts)
    for place, fact in zip(known, facts, strict=True):
        assert fact["fact"] in lines[place]
        assert fact["signal"].removeprefix("features.") in lines[place + 1]
        assert "h later  said" in lines[place + 1]


def test_the_unit_that_changed_is_called_one(shown: tuple[str, Path]) -> None:
    assert "nswdemand about 1,000 times larger: mean 0.3657 -> 179.2; another unit?" in shown[0]


def test_what_it_writes_is_what_replay_writes(
    shown: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weeks.toml").write_text(f"[defaults.labels]\nperiod_ms = {7 * 24 * 3_600_000}\n")
    recording = str(SHIPPED / "elec2.jsonl.gz")
    assert main(["replay", recording, "--config", "weeks.toml", "--out", "verdicts"]) == 0
    for name in ("alerts.jsonl", "retraining.jsonl"):
        assert (shown[1] / name).read_bytes() == Path("verdicts", name).read_bytes() != b""


def test_a_loss_is_said_in_the_quarters_in_which_the_model_was_wrong_more_often(
    shown: tuple[str, Path],
) -> None:
    table = shown[0].partition("loss of performance")[2].strip().splitlines()
    rows = [line.split() for line in table]
    accuracy = [float(row[1].rstrip("%")) for row in rows]
    assert not any(word.startswith("open") for word in rows[0][3:])
    worst = [row for row, right in zip(rows, accuracy, strict=True) if right < 66]
    assert worst
    assert all("open" in " ".join(row[3:]) for row in worst)


def test_it_fits_a_terminal(shown: tuple[str, Path]) -> None:
    lines = shown[0].splitlines()
    assert max(map(len, lines)) <= 130
    assert len(lines) <= 80


def test_the_readme_shows_what_the_demo_prints(shown: tuple[str, Path]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = readme.partition("```text\n")[2].partition("```")[0].splitlines()
    printed = shown[0].splitlines()
    assert len(picture) > 15
    assert [line for line in picture if line not in {*printed, "..."}] == []
