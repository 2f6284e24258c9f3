"""An hour at once, and recordings as they are published, in every format."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from birdsong.answers.export_formats import FORMATS
from birdsong.pipelines.classify import find_recordings
from tests.conftest import RATE_HZ, REAL_RECORDINGS, voice

pytestmark = pytest.mark.slow

# Runs a command, and tells the most memory that it held.
MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def test_an_hour_in_bounded_memory(tmp_path, bundle_dir):
    path = tmp_path / "hour.wav"
    minute = voice("low", 60.0, 1)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for _ in range(60):
            file.write(minute)
    command = [sys.executable, "-m", "birdsong.pipelines.command", "classify", str(path)]
    command += ["--bundle", str(bundle_dir), "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    decoded = json.loads(done.stdout)
    assert decoded["duration_s"] == 3600
    assert decoded["answer"] is None
    ends_s = [0.0, *(segment["end_s"] for segment in decoded["segments"])]
    starts_s = [*(segment["start_s"] for segment in decoded["segments"]), 3600.0]
    assert max(np.subtract(starts_s, ends_s)) <= 0.3, "all of it was heard"
    assert decoded["detections"][-1]["end_s"] <= 3600
    most_kb = int(done.stderr.split()[-1])
    assert most_kb < 600_000


@pytest.mark.parametrize("format", FORMATS)
def test_published_recordings(format, tmp_path, bundle_dir):
    folders = [REAL_RECORDINGS.parent / name for name in ("soundscapes", "originals")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("no published recordings beside the project")
    files = list(find_recordings(folders))
    command = [sys.executable, "-m", "birdsong.pipelines.command", "classify", *map(str, folders)]
    command += ["--bundle", str(bundle_dir), "--format", format, "--out", str(tmp_path)]
    # Ranks down to order are asked for little, so that there are detections to write.
    command += ["--promise", "0.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    if format in ("raven", "audacity"):
        assert len(written) == len(files)
    else:
        assert len(written) == 1
    if format == "json":
        lines = written[0].read_text().splitlines()
        assert [json.loads(line)["recording"] for line in lines] == [str(file) for file in files]
    _reads_back(format, written)


def _reads_back(format, written):
    """Parsers that are not ours: crowsetta's, pandas'."""
    import crowsetta
    import pandas

    n_found = 0
    for path in written:
        if format == "raven" and len(path.read_text().splitlines()) > 1:
            boxes = crowsetta.formats.bbox.Raven.from_file(path, annot_col="Taxon").to_bbox()
            n_found += len(boxes)
        elif format == "audacity" and path.read_text():
            n_found += len(crowsetta.formats.seq.AudSeq.from_file(path).labels)
        elif format in ("csv", "kaleidoscope"):
            table = pandas.read_csv(path)
            n_found += len(table)
            assert np.isfinite(table[["probability" if format == "csv" else "confidence"]]).all(
                axis=None
            )
        elif format == "json":
            n_found += sum(map(len, pandas.read_json(path, lines=True)["detections"]))
    assert n_found > 0
