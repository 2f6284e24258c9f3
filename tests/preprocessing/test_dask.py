"""More than one machine: joblib's Dask backend, on a local cluster of two worker processes."""

import pytest

from birdsong.pipelines.command import main
from birdsong.recordings.manifest import write_manifest
from tests.images.folder_contents import contents

pytest.importorskip("distributed", reason="the extra [dask] is not installed")


@pytest.fixture
def scheduler():
    import dask
    from distributed import LocalCluster

    # A machine that stalls for half a minute must not lose its workers: Dask waits for new ones.
    patient = {
        "distributed.comm.timeouts.connect": "300s",
        "distributed.comm.timeouts.tcp": "600s",
        "distributed.scheduler.worker-ttl": None,
    }
    with (
        dask.config.set(patient),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            host="127.0.0.1",
        ) as cluster,
    ):  # fmt: skip
        yield cluster.scheduler_address


def test_two_workers_make_the_same_folder(voices, images, scheduler, tmp_path, capsys):
    folder, recordings = voices
    write_manifest(tmp_path / "manifest.csv", recordings)
    words = ["preprocess", "--manifest", str(tmp_path / "manifest.csv"), "--audio", str(folder)]
    words += ["--out", str(tmp_path / "images"), "--backend", "dask", "--scheduler", scheduler]
    assert main(words) == 0
    assert "24 recordings (24 ok" in capsys.readouterr().out
    assert contents(tmp_path / "images") == contents(images)


def test_no_scheduler_is_a_sentence(voices, tmp_path, capsys, monkeypatch):
    folder, recordings = voices
    write_manifest(tmp_path / "manifest.csv", recordings)
    words = ["preprocess", "--manifest", str(tmp_path / "manifest.csv"), "--audio", str(folder)]
    words += ["--out", str(tmp_path / "images"), "--backend", "dask"]
    assert main(words) == 2
    assert "--backend dask needs --scheduler ADDRESS" in capsys.readouterr().err
    monkeypatch.setattr("birdsong.pipelines.preprocess.DASK_TIMEOUT", "2s")
    assert main([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
