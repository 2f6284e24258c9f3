"""A night of files of all kinds: a row each, and no second of sound that is not accounted for."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import JobsConfig
from birdsong.runs.receipt import RECEIPT
from tests.odd_files import CASES, make
from tests.odd_files.base import OddFile
from tests.odd_files.drawn import draw

SOME_S = 0.3  # less than that is skipped
N_BAD = 5
_HOURS = "recorders: AudioMoth, triggered once in an hour"
NO_SOUND = (
    ("empty.wav", b""),
    ("text.mp3", b"this is a letter, not a song\n" * 200),
    ("header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    ("zeros.flac", bytes(5_000)),
    ("noise.ogg", bytes(range(256)) * 40),
)


def night(n: int) -> list[OddFile]:
    """Some files of every family, as many drawn at random, and five that hold no sound."""
    names = [name for name in CASES if name != _HOURS]
    n_made = (n - N_BAD) // 2
    made = [make(names[i * len(names) // n_made]) for i in range(n_made)]
    drawn = [draw(10_000 + i) for i in range(n - N_BAD - n_made)]
    bad = [OddFile(name, f"-{name}", content, 0.0, all_decoded=False) for name, content in NO_SOUND]
    return [*made, *drawn, *bad]


def written(files: list[OddFile], folder: Path) -> list[Recording]:
    """Write them, each into a folder of its own, and return their manifest."""
    recordings = []
    for number, odd in enumerate(files):
        path = folder / f"{number:03d}" / f"20240513_043000{odd.suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(odd.content)
        recordings.append(
            Recording(
                file=path.relative_to(folder).as_posix(), order="Fictiformes",
                family="Gravidae", genus="Gravis", species="profundus",
            )
        )  # fmt: skip
    return recordings


def fault(odd: OddFile, row: dict[str, str]) -> str:
    """What is wrong with a row of the receipt; empty where nothing is."""
    decoded_s, missing_s = float(row["duration_s"]), float(row["missing_s"] or 0)
    wanted_s = max(odd.present_s, odd.declared_s or 0.0)
    tolerance_s = odd.tolerance_s + 0.002  # the receipt counts milliseconds
    if odd.present_s < SOME_S:
        return ""
    if row["status"] == "failed":
        return f"failed: {row['reason']}"
    if decoded_s + missing_s < wanted_s - tolerance_s:
        return f"{decoded_s} s heard and {missing_s} s missing of {wanted_s:.3f} s"
    if odd.all_decoded and abs(decoded_s + missing_s - wanted_s) > tolerance_s + 0.1:
        return f"{decoded_s} s heard and {missing_s} s missing, more than {wanted_s:.3f} s"
    if missing_s > 0.5 and not row["reason"]:
        return f"{missing_s} s are missing without a word"
    return ""


def account_for(n: int, folder: Path) -> None:
    """Preprocess a night and compare its receipt to what was made."""
    files = night(n)
    recordings = written(files, folder / "audio")
    try:
        preprocess(recordings, folder / "audio", folder / "images", jobs=JobsConfig(n_jobs=1))
        with (folder / "images" / RECEIPT).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    finally:
        shutil.rmtree(folder / "audio")
    assert [row["recording"] for row in rows] == [recording.name for recording in recordings]
    assert list(rows[0])[-3:] == ["declared_s", "missing_s", "channel"]
    faults = [
        f"{odd.name}: {said}"
        for odd, row in zip(files, rows, strict=True)
        if (said := fault(odd, row))
    ]
    assert "\n".join(faults) == ""

    exact = [
        (odd, row)
        for odd, row in zip(files, rows, strict=True)
        if odd.all_decoded and odd.present_s >= SOME_S
    ]
    wanted_s = sum(max(odd.present_s, odd.declared_s or 0.0) for odd, _ in exact)
    told_s = sum(float(row["duration_s"]) + float(row["missing_s"] or 0) for _, row in exact)
    slack_s = sum(odd.tolerance_s + 0.002 for odd, _ in exact)
    assert told_s == pytest.approx(wanted_s, abs=slack_s)
    bad = rows[-N_BAD:]
    assert {row["status"] for row in bad} == {"failed"}
    assert all(row["reason"] for row in bad)


def test_sixty_files(tmp_path):
    account_for(60, tmp_path)


@pytest.mark.slow
def test_five_hundred_files(tmp_path):
    account_for(500, tmp_path)
