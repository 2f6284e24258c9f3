"""A second run in a folder stops with an error, and the first continues."""

import shutil
import subprocess
import sys

import pytest

from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording


def test_one_at_a_time(tmp_path):
    folder = tmp_path / "a" / "b"
    with folder_lock(folder):
        assert folder.is_dir()
        with (
            pytest.raises(DatasetError, match="b: another run is writing into it; wait until"),
            folder_lock(folder),
        ):
            pass
        with folder_lock(tmp_path / "other"):
            pass
        (folder / "image").touch()
    with folder_lock(folder):
        assert [path.name for path in folder.iterdir()] == ["image"]
    assert not (tmp_path / "other").exists(), "nothing was written, and nothing is left"


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(DatasetError, match="file: cannot be written into"),
        folder_lock(tmp_path / "file"),
    ):
        pass


def test_whoever_is_killed_keeps_nobody_out(tmp_path):
    script = (
        "import sys, time, pathlib; from birdsong.folder_lock import folder_lock\n"
        "with folder_lock(pathlib.Path(sys.argv[1])):\n"
        "    print('in', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "in\n"
        with pytest.raises(DatasetError, match="another run"), folder_lock(tmp_path):
            pass
        running.kill()
    with folder_lock(tmp_path):
        pass


def test_every_stage_that_fills_a_folder(voices, images, tmp_path, capsys):
    audio, recordings = voices
    write_manifest(tmp_path / "m.csv", recordings)
    out, run, files = (tmp_path / name for name in ("images", "run", "audio"))
    stages = {
        out: ["preprocess", "--manifest", str(tmp_path / "m.csv"), "--audio", str(audio), "--out",
              str(out)],
        run: ["train", str(images), "--out", str(run)],
    }  # fmt: skip
    for folder, words in stages.items():
        with folder_lock(folder):
            assert main(words) == 2
        assert f"{folder}: another run is writing into it" in capsys.readouterr().err
        assert not folder.exists()
    write_manifest(tmp_path / "x.csv", [Recording(xc_id="XC1", genus="Turdus")])
    with folder_lock(files):
        assert main(["download", "--manifest", str(tmp_path / "x.csv"), "--audio", str(files)]) == 2
    assert "audio: another run" in capsys.readouterr().err
    copy = shutil.copytree(images, tmp_path / "copy", ignore=shutil.ignore_patterns("packed"))
    with folder_lock(copy / "packed"):
        assert main(["pack", str(copy)]) == 2
    assert "packed: another run" in capsys.readouterr().err
