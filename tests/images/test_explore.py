"""What is in the data: the counts, the page, what stands out."""

import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from birdsong.errors import DatasetError
from birdsong.images.explore import explore
from birdsong.images.explore_page import _histogram, write_explore_page
from birdsong.images.receipt_reasons import group_reasons
from birdsong.images.store import open_store
from birdsong.images.tables import ReceiptRow
from birdsong.pipelines.command import main
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.recording import Recording
from tests.conftest import RATE_HZ, voice
from tests.parsed_page import ParsedPage


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Good recordings and those that stand out, preprocessed."""
    audio = tmp_path_factory.mktemp("audio")
    song = voice("low", 5.0, 1)
    for name, samples, rate_hz in (
        ("good.wav", song, RATE_HZ),
        ("short.wav", song[: RATE_HZ // 10], RATE_HZ),
        ("silent.wav", np.zeros(4 * RATE_HZ), RATE_HZ),
        ("clipped.wav", np.clip(20 * song, -1, 1), RATE_HZ),
        ("faint.wav", song / 1000, RATE_HZ),
        ("odd.wav", song, 22_000 + 7),
    ):
        subtype = "PCM_16" if name == "clipped.wav" else "FLOAT"  # floats hold what is louder
        soundfile.write(audio / name, samples, rate_hz, subtype=subtype)
    (audio / "empty.wav").write_bytes(b"")
    licences = {"good.wav": "CC BY 4.0", "faint.wav": "CC BY 4.0", "odd.wav": "<b>mine</b>"}
    recordings = [
        Recording(
            file=path.name, genus="Gravis", species="profundus", family="Gravidae",
            recordist="A. Person", licence=licences.get(path.name, ""),
            clip_duration_s=5.0 if path.name in ("good.wav", "odd.wav") else None,
        )
        for path in sorted(audio.iterdir())
    ]  # fmt: skip
    images = tmp_path_factory.mktemp("images")
    preprocess(recordings, audio, images)
    return images


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_stands_out_is_named_with_its_reason(mixed, tmp_path, capsys):
    assert main(["explore", str(mixed), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "7 recordings" in said.out
    assert "4 ok, 2 skipped, 1 failed" in said.out
    assert f"page: {tmp_path}/explore.html" in said.out
    assert "failed: empty.wav: is empty (0 bytes)" in said.err
    reasons = {row["recording"]: row["reason"] for row in read_csv(tmp_path / "outliers.csv")}
    assert set(reasons) == {"short.wav", "silent.wav", "clipped.wav", "faint.wav", "odd.wav",
                            "empty.wav"}  # fmt: skip
    assert "clipped: " in reasons["clipped.wav"]
    assert "nearly silent: its loudest sample is at -7" in reasons["faint.wav"]
    assert "lasts 5.5 s, but the manifest says 5.0 s" in reasons["odd.wav"]
    assert reasons["short.wav"] == "lasts 0.10 s, at least 0.3 s are needed"


def test_counts(mixed):
    dataset_summary = explore(open_store(mixed))
    (taxon,) = dataset_summary.taxa
    assert (taxon.taxon, taxon.family, taxon.recordings) == ("Gravis profundus", "Gravidae", 4)
    assert taxon.bird_images > 0
    assert dataset_summary.licences == {"none given": 4, "CC BY 4.0": 2, "<b>mine</b>": 1}
    decoded = {row.recording: row for row in dataset_summary.decoded}
    assert set(decoded) == {"good.wav", "short.wav", "silent.wav", "clipped.wav", "faint.wav",
                          "odd.wav"}  # fmt: skip
    assert decoded["good.wav"].sample_rate_hz == RATE_HZ
    assert decoded["clipped.wav"].peak_dbfs == pytest.approx(0, abs=1e-3)
    assert decoded["clipped.wav"].clipped_share > 0.1
    assert decoded["silent.wav"].peak_dbfs is None


def test_the_quietest_shortest_and_emptiest_are_ranked(mixed, tmp_path, capsys):
    assert main(["explore", str(mixed), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "quietest, dBFS: faint.wav (-7" in out
    rows = read_csv(tmp_path / "rankings.csv")
    ranked = {
        measure: [(row["recording"], float(row["value"])) for row in rows
                  if row["measure"] == measure]
        for measure in ("peak_dbfs", "duration_s", "images_per_s")
    }  # fmt: skip
    assert ranked["peak_dbfs"][0][0] == "faint.wav"
    assert ranked["peak_dbfs"][-1][0] == "clipped.wav"
    assert ranked["duration_s"][-1] == ("odd.wav", pytest.approx(5 * RATE_HZ / 22_007, abs=0.01))
    for values in ranked.values():
        assert {name for name, _ in values} == {"good.wav", "clipped.wav", "faint.wav", "odd.wav"}
        assert [value for _, value in values] == sorted(value for _, value in values)
    assert [row["place"] for row in rows] == list("1234" * 3)
    page = ParsedPage((tmp_path / "explore.html").read_text()).words
    for name in ("quietest", "shortest", "emptiest"):
        assert f"The {name}" in page


def test_recordings_without_a_bird_are_not_the_emptiest(mixed):
    """They have no image of a bird by what they are; a bird without images is the emptiest."""
    store = open_store(mixed)
    rows = [
        replace(row, order="", family="", genus="", species="", kind="background")
        if row.recording == "good.wav"
        else replace(row, kind="background")
        if row.recording == "faint.wav"
        else row
        for row in store.rows
    ]
    *_, emptiest = explore(replace(store, rows=tuple(rows))).rankings
    assert emptiest.name == "emptiest"
    assert (emptiest.rows[0].recording, emptiest.rows[0].value) == ("faint.wav", 0)
    assert "good.wav" not in {row.recording for row in emptiest.rows}


@pytest.mark.parametrize("counts", [[13] * 24, [1, 2, 2], [1, 60, 200]])
def test_ticks_of_recordings_are_whole_numbers(counts):
    svg = _histogram(counts, "recordings of a taxon", whole=True)
    ticks = re.findall(r">([\d.]+)</text>", svg)
    assert ticks
    assert not [tick for tick in ticks if "." in tick]


def test_page_is_whole_and_fetches_nothing(mixed, tmp_path):
    store = open_store(mixed)
    write_explore_page(explore(store), store, tmp_path)
    page = ParsedPage((tmp_path / "explore.html").read_text())
    assert page.tags.count("svg") == 3
    assert page.tags.count("img") == 1
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert "<b>mine</b>" in page.words, "a licence stays text"
    (row,) = read_csv(tmp_path / "taxa.csv")
    assert row["taxon"] == "Gravis profundus"


def test_a_vanished_image_is_named(mixed, tmp_path):
    folder = shutil.copytree(mixed, tmp_path / "images")
    for image in folder.glob("*/*.png"):
        image.unlink()
    store = open_store(folder)
    with pytest.raises(DatasetError, match=r"\.png: no such image"):
        write_explore_page(explore(store), store, tmp_path / "out")


def test_not_a_folder_of_images(tmp_path, capsys):
    assert main(["explore", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "holds no config.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def grouped(rows):
    return [(r.status, r.text, r.recordings) for r in group_reasons(rows)]


def test_reasons_are_grouped_by_their_text():
    """A rate of one recording is never said of another; names of files do not part them."""
    rows = [
        ReceiptRow("a.mp3", "failed", "a.mp3: is empty (0 bytes)", 0.0, 0, 0),
        ReceiptRow("x/b.mp3", "failed", "b.mp3: is empty (0 bytes)", 0.0, 0, 0),
        ReceiptRow("c.mp3", "ok", "", 5.0, 1, 1),
        ReceiptRow("d.mp3", "ok", "clipped: 1.2 % of it; recorded at 8000 Hz", 5.0, 1, 1),
        ReceiptRow("XC5", "ok", "recorded at 16000 Hz", 5.0, 1, 1),
        ReceiptRow("XC6", "ok", "recorded at 16000 Hz", 5.0, 1, 1),
    ]
    assert grouped(rows) == [
        ("failed", "is empty (0 bytes)", ("a.mp3", "x/b.mp3")),
        ("ok", "recorded at 16000 Hz", ("XC5", "XC6")),
        ("ok", "clipped: 1.2 % of it", ("d.mp3",)),
        ("ok", "recorded at 8000 Hz", ("d.mp3",)),
    ]


def test_many_reasons_that_differ_in_figures_are_one_with_ranges():
    """The manifest's 5.0 s are all recordings' own and stay; a digit in a name is no figure."""
    rows = [
        ReceiptRow(
            f"XC{i}", "ok", f"lasts {i + 5.5} s, but row_7 says 5.0 s at {-60 - i} dBFS", 5.0, 1, 1
        )
        for i in range(30)
    ]
    ((status, text, names),) = grouped(rows)
    assert (status, len(names)) == ("ok", 30)
    assert text == "lasts 5.5 to 34.5 s, but row_7 says 5.0 s at -89 to -60 dBFS"
    rows = [ReceiptRow(f"{i}", "failed", f"see take_{i}.wav", 0.0, 0, 0) for i in range(9)]
    assert len(grouped(rows)) == 9
