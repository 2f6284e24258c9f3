"""Birds in the names of a published table, from the manifest to the bundle's labels."""

import csv

import pytest

from birdsong.images.store import open_store
from birdsong.pipelines.command import main
from birdsong.pipelines.taxonomy_option import apply_taxonomy
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording

TABLE = """\
order,family,scientific_name,english_name
Vocaliformes,Gravidae,Gravis profundus,Deep Voice
Vocaliformes,Acutidae,Acutus surgens,Rising Voice
Vocaliformes,Acutidae,Stridens summus,Shrill Voice
"""
SYNONYMS = "old_name,new_name\nAcutus summus,Stridens summus\n"


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "birds.csv").write_text(TABLE)
    (tmp_path / "synonyms.csv").write_text(SYNONYMS)
    return tmp_path / "birds.csv", tmp_path / "synonyms.csv"


def recording(file, genus, species="", **facts):
    return Recording(file=file, genus=genus, species=species, **facts)


def test_names_families_and_orders_are_those_of_the_table(tables):
    recordings = [
        recording("a.wav", "Acutus", "summus", family="Other", english_name="High Voice"),
        recording("b.wav", "Gravis", "profundus", extra={"note": "rain"}),
        recording("c.wav", "Gravis"),
        recording("d.wav", "Gravis", "novus", order="Other", english_name="New Voice"),
        recording("e.wav", "Corvus", "corax", order="Passeriformes", family="Corvidae"),
        recording("f.wav", "Acutus", "summus", extra={"original_name": "Acutus acutus"}),
    ]
    named, notes = apply_taxonomy(recordings, *tables)
    assert [
        (each.order, each.family, each.scientific_name or each.genus, each.english_name)
        for each in named
    ] == [
        ("Vocaliformes", "Acutidae", "Stridens summus", "Shrill Voice"),
        ("Vocaliformes", "Gravidae", "Gravis profundus", "Deep Voice"),
        ("Vocaliformes", "Gravidae", "Gravis", ""),
        ("Vocaliformes", "Gravidae", "Gravis novus", "New Voice"),
        ("Passeriformes", "Corvidae", "Corvus corax", ""),
        ("Vocaliformes", "Acutidae", "Stridens summus", "Shrill Voice"),
    ]
    assert [dict(each.extra) for each in named] == [
        {"original_name": "Acutus summus"},
        {"note": "rain"},
        {},
        {},
        {},
        {"original_name": "Acutus acutus"},
    ]
    assert [each.name for each in named] == [each.name for each in recordings]
    assert notes == [
        "5 names: 2 as in birds.csv, 1 renamed, 2 not in it and kept as they are",
        "  'Gravis novus' is not among the taxa",
        "  'Corvus corax' is not among the taxa",
    ]


def test_only_some_of_many_problems_are_printed(tables):
    recordings = [recording(f"{i}.wav", "Corvus", "c" * (i + 2)) for i in range(8)]
    _, notes = apply_taxonomy(recordings, *tables)
    assert len(notes) == 7
    assert notes[-1] == "  and 3 more"


@pytest.fixture
def words(voices, tmp_path):
    write_manifest(tmp_path / "manifest.csv", voices[1][::4])
    words = ["preprocess", "--manifest", str(tmp_path / "manifest.csv"), "--jobs", "1"]
    return [*words, "--audio", str(voices[0]), "--out", str(tmp_path / "images")]


def test_images_bear_the_names_of_the_table_and_the_original_ones(words, tables, tmp_path, capsys):
    asked = ["--taxonomy", str(tables[0]), "--synonyms", str(tables[1])]
    assert main([*words, *asked]) == 0
    assert "3 names: 2 as in birds.csv, 1 renamed, 0 not in it" in capsys.readouterr().out
    rows = open_store(tmp_path / "images").rows
    assert {(row.taxon, row.original_name) for row in rows} == {
        ("Gravis profundus", ""),
        ("Acutus surgens", ""),
        ("Stridens summus", "Acutus summus"),
    }
    assert {row.order for row in rows} == {"Vocaliformes"}
    assert main(words) == 0, "with other names the recordings are done anew"
    rows = open_store(tmp_path / "images").rows
    assert {row.original_name for row in rows} == {""}
    assert {row.genus for row in rows} == {"Gravis", "Acutus"}


def test_an_index_of_an_earlier_version_has_no_original_names(images, tmp_path):
    with (images / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-1] == "original_name"
    (tmp_path / "images").mkdir()
    for path in images.glob("*.*"):
        (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "images" / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0])[:-1], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    assert open_store(tmp_path / "images").rows == open_store(images).rows


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--synonyms", "synonyms.csv"], "--synonyms needs --taxonomy TABLE"),
        (["--taxonomy", "absent.csv"], "no such file: absent.csv"),
        (["--taxonomy", "birds.csv", "--synonyms", "birds.csv"], "expected the columns 'old_name'"),
    ],
)
def test_wrong_usage_is_one_sentence(asked, message, words, tables, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*words, *asked]) == 2
    error = capsys.readouterr().err
    assert error.startswith("birdsong preprocess: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "images").exists()
