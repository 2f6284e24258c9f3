"""Recordings to a folder of images: every row has its end, and the folder is always the same."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdsong.errors import ConfigError, DatasetError, ManifestError
from birdsong.images import store, tables
from birdsong.images.store import open_store
from birdsong.images.tables import read_receipt
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import JobsConfig
from birdsong.runs.journal import JOURNAL
from birdsong.runs.receipt import RECEIPT
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.mel_filters import FILTERS_FILE
from birdsong.sound.segment_proposal import ProposalConfig
from birdsong.sound.segments import grid_segments
from tests.images.folder_contents import contents

RATE = 24_000


def noise(seconds: float, *, rate: int = RATE, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return 0.003 * generator.standard_normal(round(seconds * rate))


def song(seconds: float, *, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Chirps from 2 to 3.6 kHz, five in two seconds, over noise."""
    times_s = np.arange(round(seconds * rate)) / rate
    within_s = times_s % 0.4
    chirps = np.sin(2 * np.pi * (2000 + 4000 * within_s) * within_s) * (within_s < 0.2)
    return 0.3 * chirps + noise(seconds, rate=rate, seed=seed)


def bird(file: str, **facts: str) -> Recording:
    return Recording(
        file=file, order="Passeriformes", family="Turdidae",
        **({"genus": "Turdus", "species": "merula", "english_name": "Common Blackbird"} | facts),
    )  # fmt: skip


def image_states(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when an image is written anew: inode and time."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.glob("*/*.png")
    }


# ---- What becomes of a recording


@pytest.fixture(scope="module")
def odd_audio(tmp_path_factory):
    """One file of every kind that may turn up."""
    folder = tmp_path_factory.mktemp("audio")
    (folder / "field").mkdir()
    soundfile.write(folder / "field" / "song.wav", song(6), RATE)
    soundfile.write(folder / "channels.wav", np.repeat(song(3)[:, np.newaxis], 8, axis=1), RATE)
    soundfile.write(folder / "8kHz.wav", song(4.5, rate=8_000), 8_000)
    soundfile.write(folder / "192kHz.wav", song(3, rate=192_000), 192_000)
    soundfile.write(folder / "brief.wav", song(1.5), RATE)
    soundfile.write(folder / "hiss.wav", noise(4), RATE)
    soundfile.write(folder / "silence.wav", np.zeros(3 * RATE), RATE)
    soundfile.write(folder / "blink.wav", song(0.29), RATE)
    samples = song(3)
    samples[RATE] = np.nan
    soundfile.write(folder / "nan.wav", samples, RATE, subtype="FLOAT")
    (folder / "empty.wav").touch()
    (folder / "letter.mp3").write_text("this is a letter, not a song\n" * 100)
    soundfile.write(folder / "whole.mp3", song(6), RATE)
    content = (folder / "whole.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(content[: len(content) // 2])
    return folder


ENDS = {
    "missing.wav": ("failed", r"^no such file: .*missing\.wav$"),
    "field/song.wav": ("ok", "^$"),
    "nan.wav": ("failed", r"^nan\.wav: sample at 1\.000 s is nan"),
    "channels.wav": ("ok", "^$"),
    "empty.wav": ("failed", r"^empty\.wav: is empty \(0 bytes\)$"),
    "8kHz.wav": ("ok", "^recorded at 8000 Hz: nothing above 4000 Hz$"),
    "silence.wav": ("skipped", "^silence$"),
    "192kHz.wav": ("ok", "^$"),
    "letter.mp3": ("failed", r"^letter\.mp3: not audio"),
    "brief.wav": ("ok", r"^shorter than one segment \(2 s\): padded$"),
    "blink.wav": ("skipped", r"^lasts 0\.29 s, at least 0\.3 s are needed$"),
    "cut.mp3": ("ok", ""),
    "hiss.wav": ("ok", "^$"),
}


@pytest.fixture(scope="module")
def odd_images(odd_audio, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    receipt = preprocess([bird(name) for name in ENDS], odd_audio, folder)
    return folder, {row.recording: row for row in receipt}


def test_every_row_of_the_manifest_has_one_in_the_receipt_in_its_order(odd_images):
    folder, receipt = odd_images
    assert list(receipt) == list(ENDS)
    assert [row.recording for row in read_receipt(folder)] == list(ENDS)


@pytest.mark.parametrize("name", ENDS)
def test_how_a_recording_ends(odd_images, name):
    folder, receipt = odd_images
    status, reason = ENDS[name]
    assert receipt[name].status == status
    assert re.search(reason, receipt[name].reason), receipt[name].reason
    rows = [row for row in open_store(folder).rows if row.recording == name]
    assert len(rows) == receipt[name].images_written
    assert (len(rows) > 0) == (status == "ok")


def test_durations_and_segments_are_those_of_the_recording(odd_images):
    _, receipt = odd_images
    found = {name: (row.duration_s, row.segments_found) for name, row in receipt.items()}
    assert found["field/song.wav"] == (6.0, 5)
    assert found["192kHz.wav"] == (3.0, 2)
    assert found["silence.wav"] == (3.0, 0)
    assert found["blink.wav"] == (pytest.approx(0.29), 0)
    assert found["missing.wav"] == (0.0, 0)
    assert 2 < found["cut.mp3"][0] < 4


def test_the_index_says_whose_a_image_is_and_where_it_lies(odd_images):
    opened = open_store(odd_images[0])
    rows = [row for row in opened.rows if row.recording == "field/song.wav"]
    starts_s = [row.start_s for row in rows]
    assert starts_s[0] == 0
    assert 5.5 < rows[-1].end_s <= 6
    assert all(0 < gap_s <= 1.5 for gap_s in np.diff(starts_s)), "it sings all the time"
    assert all(row.end_s == pytest.approx(row.start_s + 2) for row in rows)
    assert {row.session for row in rows} == {"field/song.wav"}
    assert {row.kind for row in rows} == {"bird"}
    facts = {(row.order, row.family, row.genus, row.species, row.english_name) for row in rows}
    assert facts == {("Passeriformes", "Turdidae", "Turdus", "merula", "Common Blackbird")}
    (brief,) = [row for row in opened.rows if row.recording == "brief.wav"]
    assert (brief.start_s, brief.end_s) == (0, 1.5)


def test_the_folder_holds_the_images_of_the_index_and_nothing_else(odd_images):
    folder, _ = odd_images
    files = {name for name, content in contents(folder).items() if content is not None}
    images = {row.image for row in open_store(folder).rows}
    beside = {tables.INDEX, RECEIPT, tables.ATTRIBUTION, store.CONFIG}
    assert files - images == {*beside, FILTERS_FILE, JOURNAL}
    assert images <= files


@pytest.mark.parametrize("name", ["field/song.wav", "8kHz.wav", "channels.wav", "cut.mp3"])
def test_images_are_those_of_the_one_path_from_sound_to_pixels(odd_audio, odd_images, name):
    opened = open_store(odd_images[0])
    with AudioReader(odd_audio / name, RATE) as reader:  # as `classify` does, from every frame
        one_frame_s = 1 / opened.config.frames_per_s
        walk = grid_segments(reader.blocks(), opened.config, opened.filters, step_s=one_frame_s)
        images = {segment.start_s: segment.image for segment in walk}
    rows = [row for row in opened.rows if row.recording == name]
    for row in rows:
        np.testing.assert_array_equal(opened.read_image(row), images[row.start_s])
    assert rows


def test_background_is_kept_from_the_whole_length_of_a_recording(tmp_path):
    soundfile.write(tmp_path / "hiss.wav", noise(61), RATE)
    config = PreprocessConfig(songs=ProposalConfig(song_level=60, quiet_level=60, max_background=5))
    preprocess([bird("hiss.wav")], tmp_path, tmp_path / "images", config=config)
    rows = open_store(tmp_path / "images").rows
    assert Counter(row.kind for row in rows) == {"bird": 1, "background": 5}
    starts_s = [row.start_s for row in rows if row.kind == "background"]
    gaps_s = np.diff([0, *starts_s, 60])
    assert gaps_s.max() <= 24, "61 s in six parts of 10 s, none more than twice as long"


# ---- The folder is the same, whoever did the work and however often it was stopped


@pytest.fixture
def songs(tmp_path):
    """Five recordings, one of them no sound, and their rows of the manifest."""
    folder = tmp_path / "audio"
    folder.mkdir()
    for i, seconds in enumerate((2.0, 3.5, 5.0, 4.0)):
        soundfile.write(folder / f"{i}.wav", song(seconds, seed=i), RATE)
    (folder / "4.wav").write_text("no sound")
    return folder, [bird(f"{i}.wav", session=f"day {i % 2}") for i in range(5)]


@pytest.mark.parametrize(("n_jobs", "backend"), [(2, "loky"), (3, "threading"), (1, "threading")])
def test_the_number_of_workers_changes_no_byte(songs, tmp_path, n_jobs, backend):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "one")
    told = []
    receipt = preprocess(
        recordings,
        audio,
        tmp_path / "many",
        jobs=JobsConfig(n_jobs=n_jobs, backend=backend),
        on_done=told.append,
    )
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert Counter(told) == Counter(receipt)


def test_a_second_run_does_nothing_again(songs, tmp_path):
    audio, recordings = songs
    first = preprocess(recordings, audio, tmp_path / "images")
    before, states = contents(tmp_path / "images"), image_states(tmp_path / "images")
    told = []
    assert preprocess(recordings, audio, tmp_path / "images", on_done=told.append) == first
    assert contents(tmp_path / "images") == before
    assert image_states(tmp_path / "images") == states
    assert sorted(told, key=lambda row: row.recording) == first


def shorten_a_recording(audio: Path, recordings: list[Recording]) -> list[Recording]:
    soundfile.write(audio / "2.wav", song(2, seed=9), RATE)
    return recordings


def repair_a_recording(audio: Path, recordings: list[Recording]) -> list[Recording]:
    soundfile.write(audio / "4.wav", song(3, seed=4), RATE)
    return recordings


def rename_the_bird(audio: Path, recordings: list[Recording]) -> list[Recording]:
    return [*recordings[:2], replace(recordings[2], species="viscivorus"), *recordings[3:]]


def rename_all_birds(audio: Path, recordings: list[Recording]) -> list[Recording]:
    return [replace(each, species="viscivorus") for each in recordings]


def move_to_another_session(audio: Path, recordings: list[Recording]) -> list[Recording]:
    return [*recordings[:2], replace(recordings[2], session="day 7"), *recordings[3:]]


def drop_a_recording(audio: Path, recordings: list[Recording]) -> list[Recording]:
    return recordings[:2] + recordings[3:]


def turn_the_rows_around(audio: Path, recordings: list[Recording]) -> list[Recording]:
    return recordings[::-1]


@pytest.mark.parametrize(
    ("change", "n_redone"),
    [
        (shorten_a_recording, 1),
        (repair_a_recording, 1),
        (rename_the_bird, 1),
        (rename_all_birds, 4),
        (move_to_another_session, 1),
        (drop_a_recording, 0),
        (turn_the_rows_around, 0),
    ],
)
def test_what_changed_is_done_anew_and_only_that(songs, tmp_path, change, n_redone):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "images")
    states = image_states(tmp_path / "images")
    recordings = change(audio, recordings)
    preprocess(recordings, audio, tmp_path / "images", replace=change is drop_a_recording)
    preprocess(recordings, audio, tmp_path / "fresh")
    assert contents(tmp_path / "images") == contents(tmp_path / "fresh")
    rows = open_store(tmp_path / "images").rows
    now = image_states(tmp_path / "images")
    redone = {row.recording for row in rows if now[row.image] != states.get(row.image)}
    assert len(redone) == n_redone


@pytest.mark.parametrize(
    "config",
    [
        PreprocessConfig(step_s=2.0),
        PreprocessConfig(step_s=1.0),
        PreprocessConfig(grid=True),
        PreprocessConfig(songs=ProposalConfig(song_level=9.0)),
        PreprocessConfig(spectrogram=replace(PreprocessConfig().spectrogram, brightest_db=40.0)),
    ],
)
def test_another_config_makes_all_anew(songs, tmp_path, config):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "images")
    preprocess(recordings, audio, tmp_path / "images", config=config, replace=True)
    preprocess(recordings, audio, tmp_path / "fresh", config=config)
    assert contents(tmp_path / "images") == contents(tmp_path / "fresh")
    assert open_store(tmp_path / "images").config == config.spectrogram


def test_a_image_that_is_gone_is_made_again(songs, tmp_path):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "images")
    before = contents(tmp_path / "images")
    (tmp_path / "images" / open_store(tmp_path / "images").rows[3].image).unlink()
    preprocess(recordings, audio, tmp_path / "images")
    assert contents(tmp_path / "images") == before


def interrupt(songs, out: Path, *, after: int, replace: bool = False) -> None:
    """Start to preprocess, and press Ctrl-C after some recordings."""
    audio, recordings = songs
    done = []

    def press_ctrl_c(row):
        done.append(row)
        if len(done) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess(recordings, audio, out, on_done=press_ctrl_c, replace=replace)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_an_interrupted_run_goes_on_to_the_same_folder(songs, tmp_path, after):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "undisturbed")
    interrupt(songs, tmp_path / "images", after=after)
    with pytest.raises(DatasetError, match="preprocessing did not finish, run it again to go on"):
        open_store(tmp_path / "images")
    states = image_states(tmp_path / "images")
    preprocess(recordings, audio, tmp_path / "images")
    assert contents(tmp_path / "images") == contents(tmp_path / "undisturbed")
    assert states
    assert states.items() <= image_states(tmp_path / "images").items(), "nothing is done twice"


def test_an_interrupted_change_of_config_leaves_no_old_image(songs, tmp_path):
    audio, recordings = songs
    config = PreprocessConfig(step_s=2.0)
    preprocess(recordings, audio, tmp_path / "undisturbed", config=config)
    preprocess(recordings, audio, tmp_path / "images", config=config)
    interrupt(songs, tmp_path / "images", after=2, replace=True)
    with pytest.raises(DatasetError, match="preprocessing did not finish"):
        open_store(tmp_path / "images")
    preprocess(recordings, audio, tmp_path / "images", config=config, replace=True)
    assert contents(tmp_path / "images") == contents(tmp_path / "undisturbed")


def test_images_are_on_disk_when_a_recording_is_done(songs, tmp_path):
    audio, recordings = songs
    journal = tmp_path / "images" / JOURNAL
    n_lines = []
    preprocess(
        recordings,
        audio,
        tmp_path / "images",
        on_done=lambda row: n_lines.append(len(journal.read_text().splitlines())),
    )
    assert n_lines == [1, 2, 3, 4, 5]


def test_what_a_killed_run_left_half_written_is_cleared_away(songs, tmp_path):
    audio, recordings = songs
    preprocess(recordings, audio, tmp_path / "undisturbed")
    images = tmp_path / "images"
    interrupt(songs, images, after=3)
    journal = (images / JOURNAL).read_bytes()
    (images / JOURNAL).write_bytes(journal[:-20])
    (images / "Turdus_merula" / ".3.wav_00000000.png.7.part").write_bytes(b"half")
    preprocess(recordings, audio, images)
    assert contents(images) == contents(tmp_path / "undisturbed")


# ---- What is refused


def test_a_folder_of_someone_else_is_left_alone(songs, tmp_path):
    audio, recordings = songs
    photos = tmp_path / "photos"
    (photos / "summer").mkdir(parents=True)
    (photos / "summer" / "cat.png").write_bytes(b"a cat")
    for config in (None, "{}", '{"fingerprint": 1}', "no JSON"):
        if config is not None:
            (photos / store.CONFIG).write_text(config)
        before = contents(photos)
        with pytest.raises(DatasetError, match=r"photos: is not empty and holds no config\.json"):
            preprocess(recordings, audio, photos)
        assert contents(photos) == before


def test_a_file_in_the_folders_place_is_left_alone(songs, tmp_path):
    audio, recordings = songs
    (tmp_path / "images").write_text("a letter")
    with pytest.raises(DatasetError, match="images: cannot be written into"):
        preprocess(recordings, audio, tmp_path / "images")
    assert (tmp_path / "images").read_text() == "a letter"


def test_nothing_to_do_is_an_error_before_anything_is_made(songs, tmp_path):
    audio, recordings = songs
    with pytest.raises(DatasetError, match="holds no recording: there is nothing to preprocess"):
        preprocess([], audio, tmp_path / "images")
    with pytest.raises(ManifestError, match=r"no such audio folder: .*absent"):
        preprocess(recordings, tmp_path / "absent", tmp_path / "images")
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step_s": 0.0}, "a step must be between one frame"),
        ({"step_s": 3.5}, "a step must be between one frame"),
        ({"step_s": float("nan")}, "a step must be between one frame.* got nan s"),
        ({"step_s": float("inf")}, "a step must be between one frame.* got inf s"),
        ({"min_duration_s": 0.0}, "min_duration_s must hold at least one frame, got 0"),
    ],
)
def test_a_config_out_of_range_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        PreprocessConfig(**changes)


def test_real_recordings_become_images(real_recordings, tmp_path):
    names = sorted(path.name for path in real_recordings.glob("XC*.*"))[:3]
    receipt = preprocess([bird(name) for name in names], real_recordings, tmp_path / "images")
    assert {row.status for row in receipt} == {"ok"}
    rows = open_store(tmp_path / "images").rows
    assert {row.recording for row in rows} == set(names)
    assert all(open_store(tmp_path / "images").read_image(row).any() for row in rows)


def test_a_bird_known_to_its_family_only(tmp_path):
    soundfile.write(tmp_path / "a.wav", song(4), RATE)
    some_thrush = bird("a.wav", genus="", species="", english_name="")
    preprocess([some_thrush], tmp_path, tmp_path / "images")
    rows = open_store(tmp_path / "images").rows
    assert {row.taxon for row in rows} == {"Turdidae"}
    assert {(row.genus, row.family) for row in rows} == {("", "Turdidae")}
    assert all(row.image.startswith("Turdidae/") for row in rows)
