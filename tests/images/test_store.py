"""The folder of images: what is written is read back, and what was altered is named."""

import io
import json
import os
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from birdsong.atomic import atomic_writer, write_atomically
from birdsong.csv_tables import write_table
from birdsong.errors import DatasetError
from birdsong.images import store, tables
from birdsong.images.store import image_path, is_store, open_store, write_settings
from birdsong.images.tables import IndexRow, ReceiptRow, read_receipt
from birdsong.runs.receipt import RECEIPT, STATUSES
from birdsong.sound.mel_filters import FILTERS_FILE
from birdsong.sound.spectrogram import SpectrogramConfig
from tests.images.small_store import (
    CONFIG,
    FILTERS,
    index_row,
    random_images,
    write_small_store,
)

# What a cell may hold: a manifest refuses NULs and bytes that are no text.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
milliseconds = st.integers(0, 10**8).map(lambda n: n / 1000)


@pytest.fixture
def folder(tmp_path):
    write_small_store(tmp_path / "images", 3)
    return tmp_path / "images"


def test_what_is_written_is_read_back(folder):
    opened = open_store(folder)
    assert opened.config == CONFIG
    assert opened.settings["fingerprint"] == CONFIG.fingerprint()
    assert opened.rows == tuple(index_row(number) for number in range(3))
    np.testing.assert_array_equal(opened.filters, FILTERS)
    for row, image in zip(opened.rows, random_images(3), strict=True):
        np.testing.assert_array_equal(opened.read_image(row), image)


def test_settings_beside_the_spectrogram_are_kept(tmp_path):
    config = SpectrogramConfig(brightest_db=40.0)
    write_settings(tmp_path, {"spectrogram": config.to_dict(), "step_s": 1.5}, FILTERS)
    write_table(tmp_path / tables.INDEX, IndexRow, [])
    opened = open_store(tmp_path)
    assert opened.config == config
    assert opened.settings["step_s"] == 1.5
    assert opened.rows == ()


@given(st.lists(st.tuples(texts, texts, texts, milliseconds), max_size=4))
def test_index_rows_come_back(tmp_path_factory, facts):
    folder = tmp_path_factory.mktemp("images")
    rows = [
        index_row(i, recording=name, session=session, english_name=english, start_s=start_s)
        for i, (name, session, english, start_s) in enumerate(facts)
    ]
    write_settings(folder, {"spectrogram": CONFIG.to_dict()}, FILTERS)
    write_table(folder / tables.INDEX, IndexRow, rows)
    assert open_store(folder).rows == tuple(rows)


@given(st.lists(st.tuples(texts, st.sampled_from(STATUSES), texts, milliseconds), max_size=4))
def test_receipt_rows_come_back(tmp_path_factory, facts):
    folder = tmp_path_factory.getbasetemp()
    rows = [
        ReceiptRow(*each, 7, 3, 48_000, 2, None if i % 2 else -3.1, 0.25 * i)
        for i, each in enumerate(facts)
    ]
    write_table(folder / RECEIPT, ReceiptRow, rows)
    assert read_receipt(folder) == rows


def test_a_carriage_return_does_not_end_a_row(tmp_path):
    row = ReceiptRow("a.wav", "failed", "two\rlines", 0.0, 0, 0)
    write_table(tmp_path / RECEIPT, ReceiptRow, [row])
    assert [each.reason for each in read_receipt(tmp_path)] == ["two lines"]


def test_tables_have_the_columns_that_others_rely_on(folder):
    header = (folder / tables.INDEX).read_text().splitlines()[0]
    assert header.startswith(
        "image,recording,session,start_s,end_s,order,family,genus,species,kind"
    )
    write_table(folder / RECEIPT, ReceiptRow, [])
    assert (folder / RECEIPT).read_text() == (
        "recording,status,reason,duration_s,segments_found,images_written,"
        "sample_rate_hz,n_channels,peak_dbfs,clipped_share,declared_s,missing_s,channel\n"
    )


@pytest.mark.parametrize("n_columns", [6, 10])
def test_a_receipt_of_an_earlier_version_is_read(tmp_path, n_columns):
    row = ReceiptRow("a.wav", "ok", "", 8.0, 5, 5, 48_000, 2, -3.0, 0.5, 9.0, 1.0, "mix")
    write_table(tmp_path / RECEIPT, ReceiptRow, [row])
    assert read_receipt(tmp_path) == [row]
    lines = (tmp_path / RECEIPT).read_text().splitlines()
    shorter = [",".join(line.split(",")[:n_columns]) for line in lines]
    (tmp_path / RECEIPT).write_text("\n".join(shorter))
    (read,) = read_receipt(tmp_path)
    assert (read.duration_s, read.declared_s, read.missing_s, read.channel) == (8.0, None, 0.0, "")


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_altered_config_is_noticed(folder):
    edit_json(folder / store.CONFIG, spectrogram=CONFIG.to_dict() | {"brightest_db": 40.0})
    with pytest.raises(
        DatasetError, match=rf"config\.json: its fingerprint is '{CONFIG.fingerprint()}', but"
    ):
        open_store(folder)


def test_an_altered_fingerprint_is_noticed(folder):
    edit_json(folder / store.CONFIG, fingerprint="0" * 16)
    with pytest.raises(DatasetError, match=rf"is '{'0' * 16}', but .* '{CONFIG.fingerprint()}'"):
        open_store(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, r"config\.json: expected format_version 1; preprocess again"),
        ({"spectrogram": {}}, r"config\.json: no usable spectrogram config \(missing or unknown"),
        ({"spectrogram": 7}, r"config\.json: no usable spectrogram config"),
        ({"spectrogram": CONFIG.to_dict() | {"n_fft": "big"}}, "n_fft must be a number, got 'big'"),
        ({"spectrogram": CONFIG.to_dict() | {"n_fft": 3}}, "n_fft must be at least 64"),
    ],
)
def test_a_config_that_cannot_be_used_is_named(folder, changes, message):
    edit_json(folder / store.CONFIG, **changes)
    with pytest.raises(DatasetError, match=message):
        open_store(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"config\.json: cannot be read as JSON"),
        (b"\xff\xfe", r"config\.json: cannot be read as JSON"),
        (b"[]", r"config\.json: expected format_version 1"),
    ],
)
def test_a_config_that_is_none_is_named(folder, content, message):
    (folder / store.CONFIG).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        open_store(folder)


def test_folders_that_hold_no_images(folder, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(DatasetError, match=r"holds no config\.json, so it is no folder of"):
            open_store(path)
        assert not is_store(path)
    assert is_store(folder)
    (folder / store.CONFIG).write_text('{"model_type": "bert"}')
    assert not is_store(folder)


def test_an_unfinished_folder_says_so(folder):
    (folder / tables.INDEX).unlink()
    with pytest.raises(DatasetError, match=r"index\.csv: no such file; .* run it again"):
        open_store(folder)
    with pytest.raises(DatasetError, match=r"receipt\.csv: no such file"):
        read_receipt(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image": "../secret.png"},
            r"'image' must stay inside .*, got '\.\./secret\.png'",
        ),
        ({"image": "a/../../secret.png"}, "'image' must stay inside the folder"),
        (
            {"image": "/etc/secret.png"},
            "'image' must be relative to the folder, got '/etc/secret.png",
        ),
        ({"image": "C:/secret.png"}, "'image' must be relative to the folder, got 'C:/secret.png"),
        ({"image": "a\0b.png"}, "'image' must hold no control characters"),
        ({"kind": "insect"}, "expected one of bird, background, got 'insect'"),
        ({"start_s": "soon"}, "could not convert string to float: 'soon'"),
        ({"end_s": ""}, "could not convert string to float: ''"),
    ],
)
def test_a_bad_index_row_is_named(folder, changes, message):
    rows = [index_row(0), index_row(1, **changes), index_row(2)]
    write_table(folder / tables.INDEX, IndexRow, rows)
    with pytest.raises(DatasetError, match=rf"index\.csv, row 3: {message}"):
        open_store(folder)


@pytest.mark.parametrize("change", [lambda line: line.rpartition(",")[0], "{},x".format])
def test_an_index_row_with_other_cells_is_named(folder, change):
    first, second, *others = (folder / tables.INDEX).read_text().splitlines()
    (folder / tables.INDEX).write_text("\n".join([first, change(second), *others]))
    with pytest.raises(DatasetError, match=r"index\.csv, row 2: has not as many cells as the head"):
        open_store(folder)


def test_an_index_without_a_column_and_one_that_is_no_text(folder):
    text = (folder / tables.INDEX).read_text()
    (folder / tables.INDEX).write_text(text.replace("session,", "sitting,", 1))
    with pytest.raises(DatasetError, match=r"index\.csv, row 2: 'session'"):
        open_store(folder)
    (folder / tables.INDEX).write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    with pytest.raises(DatasetError, match=r"index\.csv: cannot be read as a table"):
        open_store(folder)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,lost,,1,2,3,,,,,,,", "row 2: expected one of ok, skipped, failed, got 'lost'"),
        ("a.wav,ok,,long,2,3,,,,,,,", "row 2: could not convert string to float: 'long'"),
        ("a.wav,ok,,1,two,3,,,,,,,", "row 2: invalid literal for int"),
        ("a.wav,ok,,1,2,3,,,loud,,,,", "row 2: could not convert string to float: 'loud'"),
        ("a.wav,ok,,1,2", "row 2: has not as many cells as the header"),
    ],
)
def test_a_bad_receipt_row_is_named(tmp_path, row, message):
    write_table(tmp_path / RECEIPT, ReceiptRow, [])
    with (tmp_path / RECEIPT).open("a") as file:
        file.write(row)
    with pytest.raises(DatasetError, match=rf"receipt\.csv, {message}"):
        read_receipt(tmp_path)


class Trap:
    """What a pickle would call when it is opened."""

    def __reduce__(self):
        return (os.mkdir, ("trapped",))


def saved(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def archived(array):
    content = io.BytesIO()
    np.savez(content, array)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved(np.array([Trap()]), allow_pickle=True), "cannot be read as an array"),
        (np.array([Trap()]).dumps(), "cannot be read as an array"),
        (saved(FILTERS)[:1000], "cannot be read as an array"),
        (b"", "cannot be read as an array"),
        (archived(FILTERS), "expected one array, got an archive"),
        (saved(FILTERS.T), r"expected float32 of shape \(64, 257\), got float32 \(257, 64\)"),
        (saved(FILTERS.astype(float)), r"expected float32 .*, got float64 \(64, 257\)"),
    ],
    ids=["pickled", "pickle", "cut off", "empty", "archive", "shape", "dtype"],
)
def test_filters_that_are_none_are_refused(folder, content, message, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / FILTERS_FILE).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"mel_filters\.npy: {message}"):
        open_store(folder)
    assert not (folder / "trapped").exists()


def test_no_filters_there(folder):
    (folder / FILTERS_FILE).unlink()
    with pytest.raises(DatasetError, match=r"mel_filters\.npy: no such file"):
        open_store(folder)


names = (
    st.text(st.sampled_from("aB/._- é鳥\\:"), min_size=1, max_size=8)
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
    | st.sampled_from(["..", "../../x.wav", "/etc/x.wav", "a/b.wav", "a_b.wav", "a b.wav"])
)


@given(names, names, names, st.floats(0, 36_000))
def test_images_never_share_a_place_nor_leave_the_folder(one, other, taxon, start_s):
    path = PurePosixPath(image_path(one, taxon, start_s))
    assert not path.is_absolute()
    assert len(path.parts) == 2
    assert not {"", ".", ".."} & set(path.parts)
    assert not path.name.startswith(".")
    assert "\\" not in str(path)
    # Room for what is put around a name while it is written.
    assert max(len(part.encode()) for part in path.parts) <= 240
    assume(one != other)
    assert image_path(other, taxon, start_s) != str(path)


def test_segments_of_a_recording_sort_by_their_start():
    starts_s = [0, 1.5, 3.0, 10.5, 99.0, 36_000.0]
    paths = [image_path("a.wav", "Turdus merula", start_s) for start_s in starts_s]
    assert paths[1] == "Turdus_merula/a.wav_00001500.png"
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths)


def test_a_place_without_a_taxon_is_still_inside():
    assert image_path("a.wav", "", 0) == "_/a.wav_00000000.png"


@pytest.mark.parametrize("broken", ["write", "move"])
def test_a_write_that_breaks_leaves_what_was_there(tmp_path, monkeypatch, broken):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    def write_half() -> None:
        with atomic_writer(path) as file:
            file.write(b"n")
            no_space()

    def write_and_move() -> None:
        monkeypatch.setattr("os.replace", no_space)
        write_atomically(path, b"new")

    with pytest.raises(OSError, match="No space left"):
        {"write": write_half, "move": write_and_move}[broken]()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
