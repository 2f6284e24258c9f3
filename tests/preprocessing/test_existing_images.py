"""What earlier runs made is kept, or goes only where that is asked for."""

import re
from collections import Counter
from dataclasses import replace

import pytest
import soundfile

from birdsong.errors import OverwriteError
from birdsong.images import store, tables
from birdsong.images.store import open_store
from birdsong.pipelines.command import main
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.recordings.manifest import write_manifest
from birdsong.runs.journal import JOURNAL
from tests.images.folder_contents import contents
from tests.preprocessing.test_preprocess import RATE, bird, song


@pytest.fixture
def made(tmp_path):
    """A folder of the images of three recordings, their audio, and one recording more."""
    audio = tmp_path / "audio"
    audio.mkdir()
    for i in range(4):
        soundfile.write(audio / f"{i}.wav", song(3 + i, seed=i), RATE)
    recordings = [bird(f"{i}.wav") for i in range(4)]
    preprocess(recordings[:3], audio, tmp_path / "images")
    return tmp_path / "images", audio, recordings


def n_images(folder):
    return Counter(row.recording for row in open_store(folder).rows)


def test_images_of_another_manifest_stay_and_are_counted(made):
    images, audio, recordings = made
    before, n = contents(images), n_images(images)
    said = (
        rf"images: holds {n['0.wav'] + n['1.wav']} images of 2 recordings that the manifest does "
        r"not name; nothing was changed: name both manifests \(--manifest A B\), name another "
        r"--out, or add --replace to lose these images$"
    )
    with pytest.raises(OverwriteError, match=said):
        preprocess(recordings[2:], audio, images)
    assert contents(images) == before


def test_one_flag_says_that_they_may_go(made, tmp_path):
    images, audio, recordings = made
    preprocess(recordings[2:], audio, images, replace=True)
    preprocess(recordings[2:], audio, tmp_path / "fresh")
    assert contents(images) == contents(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("config", "differs"),
    [
        (PreprocessConfig(step_s=2.0), "step_s 1, not 2"),
        (PreprocessConfig(grid=True), "grid False, not True"),
        (
            PreprocessConfig(
                spectrogram=replace(PreprocessConfig().spectrogram, hop_length=480), step_s=1.0
            ),
            "segment_s 2, not 4",
        ),
    ],
)
def test_images_of_other_settings_stay(made, config, differs):
    images, audio, recordings = made
    before, n = contents(images), n_images(images).total()
    said = rf"holds {n} images of 3 recordings that were made with other settings \({differs}\)"
    with pytest.raises(OverwriteError, match=said):
        preprocess(recordings, audio, images, config=config)
    assert contents(images) == before


def test_images_whose_recordings_are_away_stay(made, tmp_path):
    images, _, recordings = made
    (tmp_path / "field").mkdir()
    soundfile.write(tmp_path / "field" / "3.wav", song(6, seed=3), RATE)
    before, n = contents(images), n_images(images).total()
    said = (
        rf"holds {n} images of 3 recordings whose files are not found in the audio folder; nothing "
        r"was changed: name their folder, too \(--audio A B\)"
    )
    with pytest.raises(OverwriteError, match=said):
        preprocess(recordings, tmp_path / "field", images)
    assert contents(images) == before
    preprocess(recordings, [tmp_path / "field", made[1]], images)
    assert n_images(images).keys() == {f"{i}.wav" for i in range(4)}


def test_more_recordings_and_changed_ones_need_no_flag(made, tmp_path):
    images, audio, recordings = made
    soundfile.write(audio / "1.wav", song(2, seed=9), RATE)
    changed = [replace(recordings[0], species="viscivorus"), *recordings[1:]]
    preprocess(changed, audio, images)
    preprocess(changed, audio, tmp_path / "fresh")
    assert contents(images) == contents(tmp_path / "fresh")


def test_a_recording_without_images_may_leave_the_manifest(made, tmp_path):
    images, audio, recordings = made
    (audio / "letter.wav").write_text("no sound")
    preprocess([*recordings, bird("letter.wav")], audio, images)
    preprocess(recordings, audio, images)
    assert [row.recording for row in tables.read_receipt(images)] == [r.name for r in recordings]


def stop_after(n):
    def stop(row):
        nonlocal n
        n -= 1
        if n == 0:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_replaces_goes_on_where_it_was_stopped(made, tmp_path, after):
    images, audio, recordings = made
    config = PreprocessConfig(step_s=2.0)
    with pytest.raises(KeyboardInterrupt):
        preprocess(
            recordings[1:], audio, images, config=config, replace=True, on_done=stop_after(after)
        )
    assert len((images / JOURNAL).read_text().splitlines()) == after
    preprocess(recordings[1:], audio, images, config=config)  # what it replaced is gone already
    preprocess(recordings[1:], audio, tmp_path / "fresh", config=config)
    assert contents(images) == contents(tmp_path / "fresh")


def test_images_overwritten_by_a_stopped_run_of_other_settings_are_made_again(made):
    images, audio, recordings = made
    before = contents(images)
    grid = PreprocessConfig(grid=True)
    with pytest.raises(KeyboardInterrupt):
        preprocess(recordings[:3], audio, images, config=grid, replace=True, on_done=stop_after(2))
    preprocess(recordings[:3], audio, images, replace=True)
    assert contents(images) == before


def test_an_interrupted_run_of_another_manifest_is_kept_too(made):
    images, audio, recordings = made
    with pytest.raises(KeyboardInterrupt):
        preprocess(recordings, audio, images, on_done=stop_after(4))
    (images / JOURNAL).write_bytes((images / JOURNAL).read_bytes()[:-9])  # cut off in its last line
    strays = {path.name for path in images.glob("*/3.wav_*.png")}
    assert strays
    with pytest.raises(OverwriteError, match="of 2 recordings that the manifest does not name"):
        preprocess(recordings[:1], audio, images)
    preprocess(recordings[:1], audio, images, replace=True)
    assert {path.name for path in images.glob("*/3.wav_*.png")} == strays, "nobody's, so they stay"


def test_files_of_somebody_else_within_the_folder_stay(made):
    images, audio, recordings = made
    for name in ("Turdus_merula/notes.png", "Turdus_merula/0.wav_best.png", "mine/7_00000000.png"):
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(b"a drawing")
    preprocess(recordings, audio, images)
    preprocess(recordings[:1], audio, images, replace=True)
    assert (images / "Turdus_merula" / "notes.png").read_bytes() == b"a drawing"
    assert (images / "Turdus_merula" / "0.wav_best.png").exists()
    assert (images / "mine" / "7_00000000.png").exists()


def test_a_folder_without_its_journal_is_read_by_its_index(made):
    images, audio, recordings = made
    n = n_images(images)["2.wav"]
    (images / JOURNAL).unlink()
    with pytest.raises(OverwriteError, match=f"holds {n} images of 1 recording that the manifest"):
        preprocess(recordings[:2], audio, images)


def test_a_setting_that_an_older_version_did_not_know_is_none_that_differs(made):
    images, audio, recordings = made
    text = (images / store.CONFIG).read_text()
    (images / store.CONFIG).write_text(re.sub(r' *"grid": false,\n', "", text))
    preprocess(recordings, audio, images)


def test_the_command_refuses_and_its_flag_goes_on(made, tmp_path, capsys):
    images, audio, recordings = made
    write_manifest(tmp_path / "one.csv", recordings[:1])
    write_manifest(tmp_path / "rest.csv", recordings[1:])
    words = ["preprocess", "--audio", str(audio), "--out", str(images), "--jobs", "1"]
    assert main([*words, "--manifest", str(tmp_path / "one.csv")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"birdsong preprocess: {images}: holds ")
    assert said.err.count("\n") == 1
    assert (
        main([*words, "--manifest", *map(str, (tmp_path / "one.csv", tmp_path / "rest.csv"))]) == 0
    )
    assert n_images(images).keys() == {r.name for r in recordings}
    assert main([*words, "--manifest", str(tmp_path / "one.csv"), "--replace"]) == 0
    assert n_images(images).keys() == {"0.wav"}
