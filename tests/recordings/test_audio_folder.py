"""Files of recordings are found in the audio folder and never outside it."""

import os

import pytest

from birdsong.audio_formats import AUDIO_SUFFIXES
from birdsong.errors import AudioError, ManifestError
from birdsong.recordings.audio_folder import (
    AudioFolder,
    AudioFolders,
    find_audio_files,
    skipped_summary,
)
from birdsong.recordings.recording import Recording


@pytest.fixture
def audio(tmp_path):
    folder = tmp_path / "audio"
    (folder / "field").mkdir(parents=True)
    for name in ("XC1.ogg", "xc2.MP3", "XC3.mp3", "XC3.ogg", "XC4.txt", "field/a.wav"):
        (folder / name).touch()
    (tmp_path / "secret.wav").touch()
    return folder


def test_files_are_found(audio):
    folder = AudioFolder(audio)
    assert folder.find(Recording(file="field/a.wav")) == audio / "field" / "a.wav"
    assert folder.find(Recording(xc_id="XC1")) == audio / "XC1.ogg"
    assert folder.find(Recording(xc_id="XC2")) == audio / "xc2.MP3"


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (Recording(file="b.wav"), r"no such file: .*b\.wav"),
        (Recording(file="field"), r"no such file: .*field"),
        (
            Recording(file="a" * 5000),
            r"no such file: 'a{20,40}\.\.\.a+' in .*: File name too long$",
        ),
        (Recording(xc_id="XC4"), r"no such file: .*XC4 with any audio extension"),
        (Recording(xc_id="XC3"), r"two files for XC3: XC3\.mp3, XC3\.ogg"),
    ],
)
def test_files_that_are_not_found(audio, recording, message):
    with pytest.raises(AudioError, match=message):
        AudioFolder(audio).find(recording)


def test_nothing_outside_the_folder_is_found(audio):
    (audio / "XC5.wav").symlink_to(audio.parent / "secret.wav")
    (audio / "up").symlink_to(audio.parent)
    (audio / "inside.wav").symlink_to(audio / "field" / "a.wav")
    folder = AudioFolder(audio)
    assert folder.find(Recording(file="inside.wav")) == audio / "inside.wav"
    for recording in (Recording(file="up/secret.wav"), Recording(xc_id="XC5")):
        with pytest.raises(ManifestError, match="leads out of the audio folder"):
            folder.find(recording)
    for file in ("../secret.wav", str(audio.parent / "secret.wav")):
        with pytest.raises(ManifestError, match="'file' must"):
            folder.find(Recording(file=file))


def test_a_ring_of_links_is_no_file(audio):
    (audio / "ring.wav").symlink_to(audio / "ring.wav")
    with pytest.raises(AudioError, match="no such file"):
        AudioFolder(audio).find(Recording(file="ring.wav"))


def test_the_folder_itself_may_be_a_link(audio):
    link = audio.parent / "link"
    link.symlink_to(audio)
    assert AudioFolder(link).find(Recording(xc_id="XC1")) == link / "XC1.ogg"


def test_no_audio_folder_there(tmp_path):
    with pytest.raises(ManifestError, match=r"no such audio folder: .*absent"):
        AudioFolder(tmp_path / "absent")


def test_several_folders_are_searched_in_order(audio, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("XC1.wav", "XC3.wav", "XC9.wav"):
        (other / name).touch()
    folders = AudioFolders([audio, other])
    assert folders.find(Recording(xc_id="XC1")) == audio / "XC1.ogg"
    assert folders.find(Recording(xc_id="XC9")) == other / "XC9.wav"
    with pytest.raises(AudioError, match=r"two files for XC3"):
        folders.find(Recording(xc_id="XC3"))
    with pytest.raises(AudioError, match=rf"no such file: {audio}/XC8 with any audio extension"):
        folders.find(Recording(xc_id="XC8"))
    with pytest.raises(ManifestError, match=r"no such audio folder: .*absent"):
        AudioFolders([audio, tmp_path / "absent"])


def test_which_files_of_a_folder_count(tmp_path):
    names = ["a.WAV", "b/c.flac", "b/empty.w64", "Z.mov", "b/a.wav"]
    others = [
        "._a.wav", ".Trashes/x.wav", "notes.txt", "b/.DS_Store", "__MACOSX/._a.wav", "noending",
        "System Volume Information/x.wav", "b/playlist.m3u8", "b/a.wav.part",
    ]  # fmt: skip
    for name in [*names, *others]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = find_audio_files(tmp_path)
    assert listing.files == tuple(sorted(tmp_path / name for name in names))
    assert skipped_summary(listing.skipped) == (
        "3 hidden (.Trashes, ._a.wav, .DS_Store); "
        "2 of the system (System Volume Information, __MACOSX); "
        "4 of other kinds (a.wav.part, playlist.m3u8, noending, ...)"
    )
    assert find_audio_files(tmp_path / "b").files == tuple(
        tmp_path / "b" / name for name in ("a.wav", "c.flac", "empty.w64")
    )


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_format_counts_alike(tmp_path, suffix):
    (tmp_path / f"XC1{suffix.upper()}").touch()
    (tmp_path / f"._XC1{suffix}").touch()
    listing = find_audio_files(tmp_path)
    assert listing.files == (AudioFolder(tmp_path).find(Recording(xc_id="XC1")),)
    assert skipped_summary(listing.skipped) == f"1 hidden (._XC1{suffix})"


def test_links_are_followed_to_files_inside_only(audio):
    (audio / "inside.wav").symlink_to(audio / "field" / "a.wav")
    (audio / "outside.wav").symlink_to(audio.parent / "secret.wav")
    (audio / "broken.wav").symlink_to(audio / "absent.wav")
    (audio / "ring.wav").symlink_to(audio / "ring.wav")
    (audio / "up").symlink_to(audio.parent)
    (audio / "loop").symlink_to(audio)
    listing = find_audio_files(audio)
    assert audio / "inside.wav" in listing.files
    assert not {"outside.wav", "broken.wav", "ring.wav", "secret.wav"} & {
        path.name for path in listing.files
    }
    told = {(each.path.name, each.reason) for each in listing.skipped}
    assert told == {
        ("outside.wav", "linked out of the folder"), ("broken.wav", "with a broken link"),
        ("ring.wav", "with a broken link"), ("up", "linked as a folder"),
        ("loop", "linked as a folder"), ("XC4.txt", "of other kinds"),
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="has no pipes in folders")
def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    listing = find_audio_files(tmp_path)
    assert skipped_summary(listing.skipped) == ("1 not a regular file (pipe.wav)")


def test_no_folder_to_list(tmp_path):
    with pytest.raises(ManifestError, match=r"no such audio folder: .*absent"):
        find_audio_files(tmp_path / "absent")
