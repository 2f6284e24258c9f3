import csv
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import ManifestError
from birdsong.recordings.manifest import read_manifest, read_manifests, write_manifest
from birdsong.recordings.manifest_rows import MANIFEST_COLUMNS
from birdsong.recordings.recording import UNIDENTIFIED, Recording

DATA_MANIFEST = Path(__file__).parents[2] / "data_manifest.csv"


def written(folder, text):
    path = folder / "data_manifest.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_stand_in_their_order():
    assert ",".join(MANIFEST_COLUMNS) == (
        "file,xc_id,url,order,family,genus,species,english_name,recordist,licence,session,"
        "clip_start_s,clip_duration_s"
    )


def test_a_row_becomes_a_recording(tmp_path):
    path = written(
        tmp_path,
        "\ufefffile,genus,species,recordist,clip_start_s,notes\r\n"
        'field/a b.wav,turdus,Turdus_merula,"Åberg, Patrik",1.5," two\nlines "\r\n'
        ",,,,,\r\n"
        "b.wav,Turdus,,,,\r\n",
    )
    first, second = read_manifest(path)
    assert first == Recording(
        file="field/a b.wav",
        genus="Turdus",
        species="merula",
        recordist="Åberg, Patrik",
        clip_start_s=1.5,
        extra={"notes": "two lines"},
    )
    assert first.name == first.session == "field/a b.wav"
    assert first.scientific_name == "Turdus merula"
    assert second.scientific_name == ""


def test_name_and_session_fall_back():
    assert Recording(xc_id="XC1", genus="Turdus").name == "XC1"
    assert Recording(xc_id="XC1", genus="Turdus").session == "XC1"
    assert Recording(file="a.wav", xc_id="XC1", session="s").name == "a.wav"
    assert Recording(file="a.wav", session="s").session == "s"


def test_recordings_hash_and_travel_to_other_processes():
    recording = Recording(file="a.wav", extra={"notes": "x"})
    assert recording in {recording}
    assert pickle.loads(pickle.dumps(recording)) == recording
    assert recording != replace(recording, extra={})


@pytest.mark.parametrize(
    ("species", "epithet"),
    [
        ("merula", "merula"),
        ("MERULA", "merula"),
        ("Turdus merula", "merula"),
        ("turdus_merula", "merula"),
        ("Turdus merula mauritanicus", "merula"),
        ("merula mauritanicus", "merula"),
        ("novae-hollandiae", "novae-hollandiae"),
        ("Turdus sp.", ""),
        ("", ""),
    ],
)
def test_species_is_the_epithet(tmp_path, species, epithet):
    path = written(tmp_path, f"xc_id,genus,species\nXC1,TURDUS,{species}\n")
    (recording,) = read_manifest(path)
    assert (recording.genus, recording.species) == ("Turdus", epithet)


@pytest.mark.parametrize(
    ("species", "original_name"),
    [
        ("cf. merula", "Turdus cf. merula"),
        ("Turdus_cf_merula", "Turdus cf merula"),
        ("Turdus aff. merula", "Turdus aff. merula"),
        ("merula x viscivorus", "Turdus merula x viscivorus"),
        ("Turdus merula x Turdus viscivorus", "Turdus merula x Turdus viscivorus"),
        ("Turdus merula x T. viscivorus", "Turdus merula x T. viscivorus"),
        ("merula × viscivorus", "Turdus merula × viscivorus"),  # noqa: RUF001
        ("merula/viscivorus", "Turdus merula/viscivorus"),
        ("merula?", "Turdus merula?"),
        ("Turdus hybrid", "Turdus hybrid"),
    ],
)
def test_an_uncertain_species_is_written_to_its_genus(tmp_path, species, original_name):
    rows = f"xc_id,genus,species\nXC1,Turdus,{species}\nXC2,Turdus,merula\n"
    uncertain, certain = read_manifest(written(tmp_path, rows))
    assert (uncertain.genus, uncertain.species) == ("Turdus", "")
    assert uncertain.extra == {"original_name": original_name}
    assert (certain.species, certain.extra) == ("merula", {})
    write_manifest(tmp_path / "again.csv", [uncertain])
    assert read_manifest(tmp_path / "again.csv") == [uncertain]


def test_a_tautonym_is_kept(tmp_path):
    (recording,) = read_manifest(written(tmp_path, "xc_id,genus,species\nXC1,Pica,Pica pica\n"))
    assert recording.species == "pica"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,,Turdus,merula,,-3.2", r"data_manifest\.csv, row 2: 'duration_s' must be greater"),
        ("a.wav,,Turdus,merula,,0", "'duration_s' must be greater than 0, got '0'"),
        ("a.wav,,Turdus,merula,-1,", "'clip_start_s' must be 0 or greater, got '-1'"),
        ("a.wav,,Turdus,merula,nan,", "'clip_start_s' must be 0 or greater, got 'nan'"),
        ("a.wav,,Turdus,merula,soon,", "'clip_start_s' must be 0 or greater, got 'soon'"),
        ("a.wav,,Turdus,merula,,inf", "'duration_s' must be greater than 0, got 'inf'"),
        ("a.wav,,,merula,,", "'genus' must be one word .*, or empty beside a family or an order"),
        ("a.wav,,Turdus merula,,,", "'genus' must be one word .* got 'Turdus merula'"),
        ("a.wav,,Turdus,Larus ridibundus,,", "'species' must be of the genus 'Turdus'"),
        ("a.wav,,Turdus,merula 2,,", "'species' must be a word of letters"),
        ("a.wav,,Anas,Anas acuta x Mareca penelope,,", "'Anas', got a hybrid with another genus"),
        (",,Turdus,merula,,", "'file' and 'xc_id' are both empty"),
        (",558716,Turdus,merula,,", "'xc_id' must be like XC558716, got '558716'"),
        ("/etc/passwd,,Turdus,merula,,", "'file' must be relative to the audio folder"),
        ("C:a.wav,,Turdus,merula,,", "'file' must be relative to the audio folder"),
        ("a/../../b.wav,,Turdus,merula,,", "'file' must stay inside .* got 'a/../../b.wav'"),
        ("a\\b.wav,,Turdus,merula,,", "'file' must have / between folders"),
        ("a\x07b.wav,,Turdus,merula,,", "'file' must hold no control characters"),
        ('"a\nb.wav",,Turdus,merula,,', "'file' must hold no control characters"),
        ("a.wav,,Turdus,merula", r"row 2: expected 6 cells, .* got 4"),
        ("a.wav,,Turdus,merula,,,,", r"row 2: expected 6 cells, .* got 8"),
        ("a.wav,,Turd\0us,merula,,", r"row 2, column 3: expected UTF-8 text, got the byte 0x00"),
        ('a.wav,,Turdus,"merula,,', "row 2: not valid CSV: unexpected end of data"),
        ("a.wav,,Turdus," + "m" * 200_000 + ",,", "row 2: not valid CSV: field larger than"),
        ("a.wav,," + "T" * 500 + "1,merula,,", r"got 'T{20,40}\.\.\.T+1'$"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    path = written(tmp_path, f"file,xc_id,genus,species,clip_start_s,duration_s\n{row}\n")
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def test_the_row_is_counted_as_in_a_spreadsheet(tmp_path):
    path = written(
        tmp_path, 'file,genus,notes\na.wav,Turdus,"two\nlines"\n\nb.wav,Turdus,\nc.wav,,x\n'
    )
    with pytest.raises(ManifestError, match=r"data_manifest\.csv, row 5: 'genus'"):
        read_manifest(path)


@pytest.mark.parametrize(
    "rows", ["XC7,\nXC8,\nXC7,", ",a.wav\nXC1,\nXC9,a.wav", ",a/b.wav\n,c.wav\n,./a//b.wav"]
)
def test_a_duplicate_name_names_both_rows(tmp_path, rows):
    lines = "\n".join(f"{row},Turdus" for row in rows.split("\n"))
    path = written(tmp_path, f"xc_id,file,genus\n{lines}\n")
    with pytest.raises(ManifestError, match=r"row 4: .* is already named in row 2"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header and one row per recording, got nothing"),
        ("\n\n", "expected a header and one row per recording, got nothing"),
        ("file,genus\n", "expected at least one recording, got only a header"),
        ("file,species\na.wav,merula\n", "expected a column 'genus', got 'file', 'species'"),
        ("genus\nTurdus\n", "expected a column 'file' or 'xc_id'"),
        ("file;genus\na.wav;Turdus\n", "expected a column 'genus', .* separated by commas"),
        ("file,Genus\na.wav,Turdus\n", "unknown column 'Genus'; rename it to 'genus'"),
        ("file,genus,sesion\na.wav,Turdus,s\n", "unknown column 'sesion'; rename it to 'session'"),
        ("file,genus,genus\na.wav,Turdus,Larus\n", "two columns are called 'genus'"),
        (",file,genus\n0,a.wav,Turdus\n", "column 1 has no name"),
        (b"file,genus\nb.wav,Turdus\n\xc5berg.wav,Turdus\n", "row 3, column 1: .* byte 0xc5"),
        ("file,genus\na.wav,Turdus\n".encode("utf-16"), "row 1, column 1: expected UTF-8 text"),
    ],
)
def test_a_bad_table_is_named(tmp_path, text, message):
    with pytest.raises(ManifestError, match=message):
        read_manifest(written(tmp_path, text))


def test_no_manifest_there(tmp_path):
    with pytest.raises(ManifestError, match=r"no such manifest: .*absent\.csv"):
        read_manifest(tmp_path / "absent.csv")
    with pytest.raises(ManifestError, match="cannot be read: Is a directory"):
        read_manifest(tmp_path)


words = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=2, max_size=8)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@st.composite
def manifests(draw):
    names = draw(st.lists(words, min_size=1, max_size=5, unique=True))
    columns = draw(st.lists(words.map("my_{}".format), max_size=3, unique=True))
    times = st.none() | st.floats(min_value=1e-6, max_value=1e6)
    return [
        Recording(
            file=f"{name}.wav",
            genus=draw(words).capitalize(),
            species=draw(words.filter(lambda word: word not in UNIDENTIFIED) | st.just("")),
            recordist=draw(texts),
            session=draw(texts).strip(),  # a blank one is written as none
            clip_start_s=draw(times),
            clip_duration_s=draw(times),
            extra={column: draw(texts) for column in columns},
        )
        for name in names
    ]


@given(manifests())
def test_a_manifest_survives_a_round_trip(tmp_path_factory, recordings):
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    write_manifest(path, recordings)
    read = read_manifest(path)
    assert [each.name for each in read] == [each.name for each in recordings]
    assert [each.clip_start_s for each in read] == [each.clip_start_s for each in recordings]
    once = path.read_bytes()
    write_manifest(path, read)
    assert read_manifest(path) == read
    assert path.read_bytes() == once


def test_extra_columns_stand_last_in_order_of_appearance(tmp_path):
    path = tmp_path / "m.csv"
    rows = [
        Recording(file="a", genus="Turdus", extra={"z": "1", "b": "2"}),
        Recording(file="b", genus="Turdus", extra={"a": "3"}),
    ]
    write_manifest(path, rows)
    with path.open(newline="") as file:
        assert next(csv.reader(file)) == [*MANIFEST_COLUMNS, "z", "b", "a"]
    assert [dict(each.extra) for each in read_manifest(path)] == [
        {"z": "1", "b": "2", "a": ""},
        {"z": "", "b": "", "a": "3"},
    ]


def test_a_failed_write_leaves_the_old_manifest(tmp_path):
    path = tmp_path / "m.csv"
    write_manifest(path, [Recording(file="a", genus="Turdus")])
    before = path.read_bytes()
    with pytest.raises(ManifestError, match="cannot be written"):
        write_manifest(path, [Recording(file="b"), Recording(file="\udcff")])
    with pytest.raises(ManifestError, match="'genus' is a standard column"):
        write_manifest(path, [Recording(file="b", extra={"genus": "Larus"})])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.csv"]
    with pytest.raises(ManifestError, match=r"absent.* cannot be written"):
        write_manifest(tmp_path / "absent" / "m.csv", [Recording(file="b")])


def test_the_data_manifest_reads(tmp_path):
    recordings = read_manifest(DATA_MANIFEST)
    assert len(recordings) == 1815
    assert len({each.scientific_name for each in recordings}) == 485
    assert len({each.genus for each in recordings}) == 321
    assert not any(each.file for each in recordings)
    assert all(each.order and each.family and each.species for each in recordings)
    assert all(each.clip_duration_s for each in recordings)
    write_manifest(tmp_path / "again.csv", recordings)
    assert (tmp_path / "again.csv").read_bytes() == DATA_MANIFEST.read_bytes()


def test_a_recording_without_a_bird(tmp_path):
    path = written(
        tmp_path,
        "file,order,genus,kind\na.wav,,,background\nb.wav,,Turdus,background\nc.wav,,Pica,song\n",
    )
    nothing, blackbird, magpie = read_manifest(path)
    assert nothing.is_background
    assert nothing.taxon == ""
    assert not blackbird.is_background, "it names a bird"
    assert not magpie.is_background
    write_manifest(path, [nothing, blackbird, magpie])
    assert read_manifest(path) == [nothing, blackbird, magpie]
    path = written(tmp_path, "file,genus,kind\na.wav,,quiet\n")
    with pytest.raises(ManifestError, match="or where 'kind' is 'background', got ''"):
        read_manifest(path)


def test_several_manifests(tmp_path):
    (tmp_path / "a.csv").write_text("file,genus\na.wav,Turdus\n")
    (tmp_path / "b.csv").write_text("file,genus\nb.wav,Pica\n")
    (tmp_path / "c.csv").write_text("file,genus\nd.wav,Pica\n./a.wav,Pica\n")
    both = read_manifests([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert [each.name for each in both] == ["a.wav", "b.wav"]
    with pytest.raises(ManifestError, match=r"c\.csv: './a\.wav' is already named in .*a\.csv"):
        read_manifests([tmp_path / name for name in ("a.csv", "b.csv", "c.csv")])
