"""A journal that an earlier version wrote is resumed: its lines, literally."""

import os

import numpy as np
import soundfile

from birdsong.images import store, tables
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.recording import Recording
from birdsong.runs.journal import JOURNAL
from birdsong.runs.receipt import RECEIPT

LINE = (
    b'{"stamp": "2b1f0e586892ae5345f3a2c44f115255", "receipt": {"recording": "a.wav", '
    b'"status": "ok", "reason": "", "duration_s": 2.0, "segments_found": 1, "images_written": 1, '
    b'"sample_rate_hz": 24000, "n_channels": 1, "peak_dbfs": -6.021, "clipped_share": 0.0, '
    b'"declared_s": 2.0, "missing_s": 0.0, "channel": ""}, "index": [{"image": '
    b'"Turdus_merula/a.wav_00000000.png", "recording": "a.wav", "session": "day 1", '
    b'"start_s": 0.0, "end_s": 2.0, "order": "Passeriformes", "family": "Turdidae", '
    b'"genus": "Turdus", "species": "merula", "kind": "bird", "english_name": "Common Blackbird", '
    b'"original_name": ""}]}\n'
)
RECEIPT_TEXT = (
    "recording,status,reason,duration_s,segments_found,images_written,sample_rate_hz,n_channels,"
    "peak_dbfs,clipped_share,declared_s,missing_s,channel\n"
    "a.wav,ok,,2.000,1,1,24000,1,-6.021,0.000,2.000,0.000,\n"
)
INDEX_TEXT = (
    "image,recording,session,start_s,end_s,order,family,genus,species,kind,english_name,"
    "original_name\n"
    "Turdus_merula/a.wav_00000000.png,a.wav,day 1,0.000,2.000,Passeriformes,Turdidae,Turdus,"
    "merula,bird,Common Blackbird,\n"
)
BIRD = Recording(
    file="a.wav", order="Passeriformes", family="Turdidae", genus="Turdus", species="merula",
    english_name="Common Blackbird", session="day 1",
)  # fmt: skip


def whistle(folder):
    """Write the recording of the line, as old as it was."""
    folder.mkdir()
    times_s = np.arange(48_000) / 24_000
    soundfile.write(folder / "a.wav", 0.5 * np.sin(2 * np.pi * 3000 * times_s), 24_000)
    os.utime(folder / "a.wav", ns=(1_700_000_000_000_000_000,) * 2)
    return folder


def texts_of(folder):
    return [(folder / name).read_text() for name in (RECEIPT, tables.INDEX)]


def test_what_is_written_now_is_what_was_written_then(tmp_path):
    preprocess([BIRD], whistle(tmp_path / "audio"), tmp_path / "images")
    assert (tmp_path / "images" / JOURNAL).read_bytes() == LINE
    assert texts_of(tmp_path / "images") == [RECEIPT_TEXT, INDEX_TEXT]


def test_a_line_of_an_earlier_version_is_resumed(tmp_path):
    audio, out = whistle(tmp_path / "audio"), tmp_path / "images"
    preprocess([BIRD], audio, out)
    (out / JOURNAL).write_bytes(LINE)
    (image,) = out.glob("*/*.png")
    image.write_bytes(b"not looked at again")
    for name in (tables.INDEX, RECEIPT):
        (out / name).unlink()
    started = []
    preprocess([BIRD], audio, out, on_start=started.append)
    assert started == []
    assert image.read_bytes() == b"not looked at again"
    assert texts_of(out) == [RECEIPT_TEXT, INDEX_TEXT]
    assert store.is_store(out)
