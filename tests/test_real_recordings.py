"""Real recordings, where they lie beside the project: nothing is lost, nothing fails."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from birdsong.images.store import open_store
from birdsong.images.tables import read_receipt
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.manifest import read_manifest
from birdsong.runs.jobs import JobsConfig

MANIFEST = Path(__file__).parents[1] / "data_manifest.csv"


def test_a_handful(real_recordings, tmp_path):
    recordings = read_manifest(MANIFEST)[::90]
    receipt = preprocess(recordings, real_recordings, tmp_path / "images")
    assert [row.status for row in receipt] == ["ok"] * len(recordings)
    store = open_store(tmp_path / "images")
    images = np.stack([store.read_image(row) for row in store.rows if row.kind == "bird"])
    assert len(images) > 3 * len(recordings)
    assert 2 < images.mean() < 60, "mostly dark: background"
    assert (images.max(axis=(1, 2)) > 80).mean() > 0.95, "with something bright in nearly all"


@pytest.mark.slow
def test_all_of_them_end_in_the_receipt(real_recordings, tmp_path):
    recordings = read_manifest(MANIFEST)
    preprocess(recordings, real_recordings, tmp_path / "images", jobs=JobsConfig(n_jobs=2))
    receipt = read_receipt(tmp_path / "images")
    assert [row.recording for row in receipt] == [r.name for r in recordings]
    assert Counter(row.status for row in receipt) == {"ok": 1815}
    assert sum("shorter than one segment" in row.reason for row in receipt) == 15
    assert sum(row.images_written for row in receipt) == len(open_store(tmp_path / "images").rows)
