"""Damaged files: each ends in the receipt, and none stops the rest."""

import random
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from birdsong.images.store import open_store
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import JobsConfig
from tests.conftest import RATE_HZ, voice

ORIGINALS = Path(__file__).resolve().parents[3] / "shared" / "originals"
ENDINGS = (".wav", ".mp3", ".ogg", ".flac")


def cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: chance.randrange(1, len(content))]


def flip_bits(content: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randrange(1, 200)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def flip_bits_of_the_header(content: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randrange(1, 12)):
        content[chance.randrange(min(64, len(content)))] ^= 1 << chance.randrange(8)
    return content


def another_header(content: bytearray, chance: random.Random) -> bytearray:
    n = chance.randrange(4, 64)
    content[:n] = chance.randbytes(n)
    return content


def zeros(content: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(content))
    n = chance.randrange(len(content) - start) + 1
    content[start : start + n] = bytes(n)
    return content


def absurd_length(content: bytearray, chance: random.Random) -> bytearray:
    """What a header says of lengths, sizes and rates: the largest number, or none."""
    for _ in range(chance.randrange(1, 4)):
        place = 4 * chance.randrange(1, 11)
        content[place : place + 4] = chance.choice(
            [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]
        )
    return content


def deep_metadata(content: bytearray, chance: random.Random) -> bytearray:
    """A tag before the sound: of any length, which may or may not be the one it claims."""
    body = chance.randbytes(chance.randrange(1, 200_000))
    claimed = chance.choice([len(body), 2**28 - 1])
    size = bytes((claimed >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return bytearray(b"ID3\x04\x00\x00" + size + body) + content


def wrong_ending(content: bytearray, chance: random.Random) -> bytearray:
    return content


DAMAGES = (
    cut, flip_bits, flip_bits_of_the_header, another_header, zeros, absurd_length, deep_metadata,
    wrong_ending,
)  # fmt: skip


def damage_all(sources: list[Path], folder: Path, n: int) -> list[Recording]:
    """Write damaged copies, every kind of damage to every kind of file, and one good file."""
    chance = random.Random(4)
    rows = []
    for i in range(n):
        source, damage = sources[i % len(sources)], DAMAGES[i // len(sources) % len(DAMAGES)]
        ending = source.suffix
        if damage is wrong_ending:
            ending = chance.choice([each for each in ENDINGS if each != ending])
        file = f"{i:03d}_{damage.__name__}{ending}"
        (folder / file).write_bytes(damage(bytearray(source.read_bytes()), chance))
        rows.append(Recording(file=file, genus="Turdus"))
    soundfile.write(folder / "good.wav", voice("low", 4.0, 1), RATE_HZ)
    return [*rows, Recording(file="good.wav", genus="Turdus")]


def check(rows: list[Recording], folder: Path, out: Path) -> Counter[str]:
    receipt = preprocess(rows, folder, out, jobs=JobsConfig(n_jobs=2))
    assert [row.recording for row in receipt] == [row.name for row in rows]
    assert receipt[-1].status == "ok"
    for row in receipt:
        assert row.status == "ok" or row.reason, row
        assert len(row.reason.splitlines()) <= 1, row
        assert (row.images_written > 0) == (row.status == "ok"), row
    store = open_store(out)
    for row in store.rows[::7]:
        assert store.read_image(row).shape == (64, 200)
    return Counter(row.status for row in receipt)


def test_damaged_files_end_in_the_receipt(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "audio").mkdir()
    for ending in ENDINGS:
        soundfile.write(tmp_path / "whole" / f"song{ending}", voice("high", 4.0, 2), RATE_HZ)
    rows = damage_all(sorted((tmp_path / "whole").iterdir()), tmp_path / "audio", 32)
    statuses = check(rows, tmp_path / "audio", tmp_path / "images")
    assert statuses["failed"] > 5
    assert statuses["ok"] > 10


@pytest.mark.slow
def test_five_hundred_damaged_originals(tmp_path):
    sources = [p for p in sorted(ORIGINALS.glob("*.*")) if p.suffix != ".md"]
    if not sources:
        pytest.skip("no original recordings beside the project")
    small = sorted(sources, key=lambda path: path.stat().st_size)[:16]
    (tmp_path / "audio").mkdir()
    rows = damage_all(small, tmp_path / "audio", 500)
    statuses = check(rows, tmp_path / "audio", tmp_path / "images")
    assert statuses["failed"] > 50
    assert statuses["ok"] > 100
