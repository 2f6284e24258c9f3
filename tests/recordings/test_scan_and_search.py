"""Scans of real folder layouts, and searches for species with old names."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.pipelines.command import main
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.recordings.manifest_builder import scan_folder
from birdsong.recordings.recording import ORIGINAL_NAME
from tests.recordings.served_catalogue import KEY, Catalogue, row, served


def folder_of(path, *names):
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()
    return path


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Turdus_merula/day_one/a.wav", "Turdus merula"),
        ("field_notes/Turdus_merula/a.wav", "Turdus merula"),
        ("Turdus merula mauritanicus/a.wav", "Turdus merula"),
        ("Turdus_merula/Parus_major/a.wav", "Parus major"),
        ("turdus merula/x/a.wav", "Turdus merula"),
        ("Turdus_sp/a.wav", ""),
        ("Turdus_sp./a.wav", ""),
        ("Turdus_merula/Plot_north/a.wav", "Turdus merula"),
        ("Turdus_merula/2024_spring/a.wav", "Turdus merula"),
        ("Turdus_merula/Grunewald_berlin/a.wav", "Turdus merula"),
        ("Turdus_merula/Session_one/a.wav", "Turdus merula"),
        ("Turdus_merula/Unknown/a.wav", "Turdus merula"),
        ("Site_a/Turdus_merula/a.wav", "Turdus merula"),
        ("Noise/Turdus_merula/a.wav", "Turdus merula"),
        ("noise/turdus merula/a.wav", "Turdus merula"),
        ("Turdus merula_Common Blackbird/a.wav", "Turdus merula"),
        ("Turdus merula-torquatus/a.wav", "Turdus merula-torquatus"),
        ("Turdus boobook/a.wav", "Turdus boobook"),
        ("Turdus coelebs/a.wav", "Turdus coelebs"),
        ("Turdus borin/a.wav", "Turdus borin"),
        ("Turdus cf. merula/a.wav", ""),
        ("Turdus_cf_merula/a.wav", ""),
        ("Turdus_aff._merula/a.wav", ""),
        ("Turdus merula x viscivorus/a.wav", ""),
        ("Turdus_merula_x_Turdus_viscivorus/a.wav", ""),
    ],
)
def test_the_folder_that_tells_the_species(tmp_path, file, name):
    (recording,) = scan_folder(folder_of(tmp_path, file)).recordings
    assert recording.scientific_name == name
    assert recording.genus == (name.split() or ["Turdus"])[0]


@pytest.mark.parametrize(
    "folder",
    [
        "Human vocal_Human vocal", "Human non-vocal_Human non-vocal", "Human whistle_Human whistle",
        "Power tools_Power tools", "Noise_Noise", "Dog_Dog", "Engine", "Siren", "Gun", "Fireworks",
        "Environmental", "Power_tools", "Background_noise", "Background", "background", "nocall",
        "No call", "no_bird", "Turdus_merula/Background",
    ],
)  # fmt: skip
def test_a_folder_named_after_noise_holds_background(tmp_path, folder):
    (recording,) = scan_folder(folder_of(tmp_path, f"{folder}/a.wav")).recordings
    assert recording.is_background
    write_manifest(tmp_path / "m.csv", [recording])
    assert read_manifest(tmp_path / "m.csv") == [recording]


@pytest.mark.parametrize(
    "folder",
    [
        "Sonus naturalis", "Sonus_naturalis", "Mystery mystery", "Identity unknown", "Unknown",
        "Unidentified", "Unidentified_bird", "Plot_north", "Site_a", "2024_spring", "field_notes",
        "day_one", "Great_tit", "Common_crane", "House_sparrow", "Grunewald_berlin", "Turdus",
        "cf. Turdus merula", "Anas platyrhynchos x Mareca strepera",
        "Turdus_merula/Sonus naturalis",
    ],
)  # fmt: skip
def test_a_folder_that_names_no_species_leaves_its_recordings_unnamed(tmp_path, folder):
    scanned = scan_folder(folder_of(tmp_path, f"{folder}/a.wav"))
    assert (scanned.recordings, scanned.unidentified) == ((), (f"{folder}/a.wav",))


def test_the_name_of_an_uncertain_species_is_kept(tmp_path):
    (recording,) = scan_folder(folder_of(tmp_path, "Turdus cf. merula/a.wav")).recordings
    assert (recording.taxon, recording.extra) == ("Turdus", {ORIGINAL_NAME: "Turdus cf. merula"})


_WORDS = st.sampled_from(
    ["Turdus", "merula", "cf.", "aff", "x", "×", "Mareca", "sp.", "Noise", "turdus", "_", " ",  # noqa: RUF001
     "Sonus", "naturalis", "?", "T.", "=1+1", '"', ",", "\u2028", "\xa0", "-", "x-x", "Ä"]
)  # fmt: skip


@given(
    folders=st.lists(
        st.lists(st.lists(_WORDS, min_size=1, max_size=6).map("_".join), min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_the_reader_takes_whatever_a_scan_writes(tmp_path_factory, folders):
    folder = tmp_path_factory.mktemp("scan")
    folder_of(folder, *(f"{'/'.join(parts)}/XC{n}.wav" for n, parts in enumerate(folders, 1)))
    scanned = scan_folder(folder)
    if scanned.recordings:
        write_manifest(folder / "m.csv", scanned.recordings)
        assert [(each.file, each.taxon) for each in read_manifest(folder / "m.csv")] == [
            (each.file, each.taxon) for each in scanned.recordings
        ]
    assert len(scanned.recordings) + len(scanned.unidentified) + len(scanned.invalid_paths) == len(
        folders
    )


def test_hidden_files_are_skipped_and_reported(tmp_path):
    folder_of(tmp_path, ".partial/XC1.mp3", "Turdus_merula/._a.wav", "Turdus_merula/.x/a.wav")
    folder_of(tmp_path, "Turdus_merula/notes.txt", "$RECYCLE.BIN/Turdus_merula/b.wav")
    scanned = scan_folder(tmp_path)
    assert (scanned.recordings, scanned.unidentified, scanned.invalid_paths) == ((), (), ())
    assert [(each.path.name, each.reason) for each in scanned.skipped] == [
        ("$RECYCLE.BIN", "of the system"), (".partial", "hidden"), ("._a.wav", "hidden"),
        (".x", "hidden"), ("notes.txt", "of other kinds"),
    ]  # fmt: skip


def test_a_scan_reports_skipped_files_and_backgrounds(tmp_path, capsys):
    audio = folder_of(
        tmp_path / "audio", "Turdus_merula/a.wav", "Noise_Noise/b.wav", "Sonus naturalis/c.wav",
        "Turdus_merula/._a.wav", "notes.txt",
    )  # fmt: skip
    out = tmp_path / "m.csv"
    assert main(["manifest", "scan", "--audio", str(audio), "--out", str(out)]) == 1
    told = capsys.readouterr()
    assert f"{audio}: skipped 1 hidden (._a.wav); 1 of other kinds (notes.txt)" in told.err
    assert "no species: Sonus naturalis/c.wav: expected a folder such as Turdus_merula" in told.err
    assert "2 recordings of 1 taxa and 2 sessions; 1 without a bird" in told.out
    assert [(each.taxon, each.is_background) for each in read_manifest(out)] == [
        ("", True), ("Turdus merula", False),
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="such names are refused there already")
def test_what_cannot_stand_in_a_manifest_does_not_spoil_it(tmp_path, capsys):
    audio = folder_of(
        tmp_path / "audio", "Turdus_merula/good.wav", "Turdus_merula/a\nb.wav",
        "Turdus_merula/c\\d.wav", "Turdus_merula/\x1b[31m.wav", " led/Turdus_merula/e.wav",
    )  # fmt: skip
    (audio / "Turdus_merula" / os.fsdecode(b"\xff.wav")).touch()
    out = tmp_path / "m.csv"
    assert main(["manifest", "scan", "--audio", str(audio), "--out", str(out)]) == 1
    told = capsys.readouterr().err
    assert [each.file for each in read_manifest(out)] == ["Turdus_merula/good.wav"]
    assert told.count("left out: ") == 5
    assert "must be written in UTF-8" in told
    assert "\x1b" not in told


def test_a_scan_and_one_of_more_files_name_sessions_alike(tmp_path):
    before = scan_folder(folder_of(tmp_path, "Turdus_merula/b.wav")).recordings
    after = scan_folder(folder_of(tmp_path, "Turdus_merula/a.wav", "Parus_major/z.wav")).recordings
    assert {each.file: each.session for each in before}.items() <= {
        each.file: each.session for each in after
    }.items()
    write_manifest(tmp_path / "m.csv", after)
    assert {each.session for each in read_manifest(tmp_path / "m.csv")} == {
        each.session for each in after
    }


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "tree.csv").write_text(
        "order,family,scientific_name,english_name\n"
        "Passeriformes,Fringillidae,Spinus spinus,Eurasian Siskin\n"
        "Passeriformes,Turdidae,Turdus merula,Common Blackbird\n"
    )
    (tmp_path / "renamed.csv").write_text("old_name,new_name\nCarduelis spinus,Spinus spinus\n")
    (tmp_path / "list.txt").write_text("Spinus spinus\nTurdus merula  # everywhere\nPica pica\n")
    return tmp_path


def test_a_list_finds_a_species_by_its_other_name(tables, monkeypatch, capsys):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    rows = [row(n, gen="Carduelis", sp="spinus") for n in (1, 2)] + [row(3)]
    out = tables / "m.csv"
    words = ["--species", tables / "list.txt", "--taxonomy", tables / "tree.csv", "--synonyms",
             tables / "renamed.csv", "--out", out, "--requests-per-s", "1000"]  # fmt: skip
    with served(Catalogue(rows=rows)) as catalogue:
        command = ["manifest", "build", *map(str, words), "--address", catalogue.address]
        assert main(command) == 0
    recordings = read_manifest(out)
    assert [each.scientific_name for each in recordings] == ["Spinus spinus"] * 2 + [
        "Turdus merula"
    ]
    assert recordings[0].family == "Fringillidae"
    assert recordings[0].url == "https://xeno-canto.org/1", "whichever server was asked"
    assert recordings[0].extra[ORIGINAL_NAME] == "Carduelis spinus"
    assert "nothing found: gen:pica sp:pica grp:birds" in capsys.readouterr().out


def test_as_many_of_a_species_whatever_it_is_called(tables, monkeypatch):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    rows = [row(n, gen="Carduelis" if n % 2 else "Spinus", sp="spinus") for n in range(1, 9)]
    out = tables / "m.csv"
    words = ["--query", "grp:birds", "--taxonomy", tables / "tree.csv", "--synonyms",
             tables / "renamed.csv", "--per-species", "3", "--out", out,
             "--requests-per-s", "1000"]  # fmt: skip
    with served(Catalogue(rows=rows)) as catalogue:
        command = ["manifest", "build", *map(str, words), "--address", catalogue.address]
        assert main(command) == 0
    assert len(read_manifest(out)) == 3


def test_one_song_under_two_names_is_one_session(tables, monkeypatch):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    rows = [row(n, gen=gen, sp="spinus", rec="A", date="2024-05-01")
            for n, gen in ((1, "Carduelis"), (700, "Spinus"))]  # fmt: skip
    out = tables / "m.csv"
    words = ["--query", "grp:birds", "--taxonomy", tables / "tree.csv", "--synonyms",
             tables / "renamed.csv", "--out", out, "--requests-per-s", "1000"]  # fmt: skip
    with served(Catalogue(rows=rows)) as catalogue:
        command = ["manifest", "build", *map(str, words), "--address", catalogue.address]
        assert main(command) == 0
    assert len({each.session for each in read_manifest(out)}) == 1
