"""Manifests from a catalogue or a folder: their recordings and sessions."""

import itertools

import pytest
import soundfile

from birdsong.errors import ConfigError, ManifestError
from birdsong.licences import parse_licence, sharing_terms
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.recordings.manifest_builder import manifest_from_catalogue, scan_folder
from birdsong.recordings.manifest_checks import check_manifest
from birdsong.recordings.recording import Recording
from birdsong.recordings.sessions import group_sessions
from birdsong.recordings.subset_selection import SubsetConfig, select_subset
from birdsong.recordings.xeno_canto import CatalogueRecording
from tests.conftest import RATE_HZ, voice

BY_NC_SA = "https://creativecommons.org/licenses/by-nc-sa/4.0/"


def found(number, **changed):
    given = {
        "genus": "Turdus", "species": "merula", "recordist": "A", "place": "Berlin",
        "date": "2024-05-01", "quality": "A", "kind": "song", "length_s": 20.0,
        "country": "Germany", "licence": BY_NC_SA,
    }  # fmt: skip
    return CatalogueRecording(xc_id=f"XC{number}", **given | changed)


def partition(rows):
    """The sessions of rows of (species, recordist, place, date, number)."""
    names = group_sessions(*map(list, zip(*rows, strict=True)))
    groups = {}
    for place, name in enumerate(names):
        groups.setdefault(name, []).append(place)
    return sorted(groups.values())


@pytest.mark.parametrize(
    ("rows", "together"),
    [
        ([("m", "A", "Berlin", "d1", 1), ("m", "A", "Berlin", "d1", 900)], [[0, 1]]),
        ([("m", "A", "Berlin", "d1", 1), ("m", "A", "Berlin", "d2", 2)], [[0], [1]]),
        ([("m", "A", "Berlin", "d1", 1), ("m", "A", "Bonn", "d1", 2)], [[0], [1]]),
        ([("m", "A", "Berlin", "d1", 1), ("m", "B", "Berlin", "d1", 2)], [[0], [1]]),
        ([("m", "A", "Berlin", "d1", 1), ("x", "A", "Berlin", "d1", 2)], [[0], [1]]),
        ([("m", "", "", "", 10), ("m", "", "", "", 15)], [[0, 1]]),
        ([("m", "", "", "", 10), ("m", "", "", "", 16)], [[0], [1]]),
        ([("m", "A", "", "", 10), ("m", "B", "", "", 11)], [[0], [1]]),
        ([("m", "A", "", "", 10), ("m", "", "", "", 11), ("m", "A", "", "", 12)], [[0, 1, 2]]),
        ([("m", "", "", "", None), ("m", "", "", "", None)], [[0], [1]]),
    ],
)
def test_what_belongs_together(rows, together):
    assert partition(rows) == together
    for order in itertools.permutations(range(len(rows))):
        shuffled = [rows[place] for place in order]
        back = [sorted(order[place] for place in group) for group in partition(shuffled)]
        assert sorted(back) == together


def test_a_session_keeps_its_name_when_others_come():
    one = [("m", "A", "Berlin", "d1", 7), ("m", "A", "Berlin", "d1", 8)]
    more = [("x", "B", "Bonn", "d3", 2), *one]
    names, again = (group_sessions(*map(list, zip(*rows, strict=True))) for rows in (one, more))
    assert names == again[1:]


@pytest.mark.parametrize(
    ("config", "taken"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"least_quality": "B"}, [1, 2, 3]),
        ({"kinds": ("Call",)}, [2, 5]),
        ({"countries": ("france",)}, [3]),
        ({"min_length_s": 10}, [1, 2, 3, 5]),
        ({"max_length_s": 30}, [1, 2, 3, 4]),
        ({"licences": ("BY",)}, [4]),
        ({"max_also": 0}, [1, 2, 3, 4]),
        ({"max_per_recordist": 1, "least_quality": "A"}, [1]),
    ],
)
def test_which_are_taken(config, taken):
    rows = [
        found(1), found(2, kind="call, song"), found(3, quality="B", country="France"),
        found(4, quality="C", length_s=5.0,
              licence="https://creativecommons.org/licenses/by/4.0/"),
        found(5, quality="", kind="call", length_s=200.0, also=("Parus major",)),
        found(6, has_file=False), found(7, length_s=None),
    ]  # fmt: skip
    chosen, left_out = select_subset(rows, SubsetConfig(**config))
    numbers = [each.number for each in chosen]
    assert len(numbers) + left_out.total() == len(rows)
    if "max_per_recordist" in config:
        assert len(numbers) == 1
        assert set(numbers) < {1, 2}
    else:
        assert numbers == taken


def test_the_best_come_first_and_of_many_recordists():
    rows = [found(n, quality="C" if n < 50 else "A", recordist=f"r{n % 5}") for n in range(1, 101)]
    config = SubsetConfig(max_per_species=12, max_per_recordist=3)
    chosen, _ = select_subset(rows, config)
    assert len(chosen) == 12
    assert all(each.quality == "A" for each in chosen)
    assert select_subset(rows[::-1], config)[0] == chosen, "whatever the order"
    other = select_subset(rows, SubsetConfig(max_per_species=12, max_per_recordist=3, seed=1))[0]
    assert other != chosen


@pytest.mark.parametrize(
    "options", [{"least_quality": "F"}, {"min_length_s": 9, "max_length_s": 3},
                {"max_per_species": 0}, {"seed": -1}],
)  # fmt: skip
def test_a_choice_that_cannot_be(options):
    with pytest.raises(ConfigError, match="must"):
        SubsetConfig(**options)


def test_rows_of_a_manifest(tmp_path):
    recordings = manifest_from_catalogue(
        [found(1), found(2), found(3, date="2024-06-01", also=("a", "b"))]
    )
    write_manifest(tmp_path / "m.csv", recordings)
    again = read_manifest(tmp_path / "m.csv")
    assert again == recordings
    assert again[0].session == again[1].session != again[2].session
    assert again[2].extra["also"] == "a; b"
    assert again[0].url == "https://xeno-canto.org/1"


@pytest.fixture
def folder(tmp_path):
    audio = tmp_path / "audio"
    for name in ("Turdus_merula/a.wav", "Turdus_merula/XC7.wav", "turdus pilaris/x/b.wav",
                 "XC55 Merel.wav", "odd.wav"):  # fmt: skip
        (audio / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio / name, voice("low", 1.0, 0), RATE_HZ)
    (audio / "notes.txt").write_text("no sound")
    return audio


def test_a_folder_of_folders(folder):
    scanned = scan_folder(folder)
    assert [(each.file, each.scientific_name, each.xc_id) for each in scanned.recordings] == [
        ("Turdus_merula/XC7.wav", "Turdus merula", "XC7"),
        ("Turdus_merula/a.wav", "Turdus merula", ""),
        ("turdus pilaris/x/b.wav", "Turdus pilaris", ""),
    ]
    assert scanned.unidentified == ("XC55 Merel.wav", "odd.wav")
    assert len({each.session for each in scanned.recordings}) == 3


def test_a_table_gives_the_species_of_files(folder, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(
        "xc_id,file,genus,species,recordist\nXC55,,Parus,major,Someone\n,odd.wav,Pica,pica,\n"
    )
    out = tmp_path / "m.csv"
    words = ["--audio", str(folder), "--table", str(tmp_path / "t.csv"), "--out", str(out)]
    assert main(["manifest", "scan", *words]) == 0
    names = {each.file: each.scientific_name for each in read_manifest(out)}
    assert names["XC55 Merel.wav"] == "Parus major"
    assert names["odd.wav"] == "Pica pica"
    assert len(names) == 5
    assert "next: birdsong preprocess" in capsys.readouterr().out
    words = ["--audio", str(folder), "--out", str(out), "--replace"]
    assert main(["manifest", "scan", *words]) == 1
    with pytest.raises(ManifestError, match="no such audio folder"):
        scan_folder(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("//creativecommons.org/licenses/by-nc-sa/4.0/", "CC BY-NC-SA 4.0"),
        ("https://www.creativecommons.org/licenses/by/3.0/deed.en", "CC BY 3.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("CC BY-SA 4.0", "CC BY-SA 4.0"),
        ("cc-by-nc-nd", "CC BY-NC-ND 4.0"),
        ("CC0", "CC0 1.0"),
    ],
)
def test_licences_are_recognised(text, name):
    licence = parse_licence(text)
    assert licence.name == name
    assert parse_licence(licence.url) == licence
    assert parse_licence(licence.name) == licence


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["CC BY 4.0", "CC0"], "CC BY 4.0"),
        (["CC BY-NC-SA 4.0", "CC BY 4.0"], "CC BY-NC-SA 4.0"),
        (["CC BY-SA 4.0"], "CC BY-SA 4.0"),
        (["CC BY-NC-ND 4.0", "CC BY 4.0"], ""),
        (["CC BY 4.0", ""], ""),
        (["all rights reserved"], ""),
        ([], ""),
    ],
)
def test_whether_a_model_may_be_shared(licences, expected):
    judged = sharing_terms(licences)
    assert judged.licence == expected
    assert judged.may_be_shared == bool(expected)


def test_what_a_manifest_tells_of_itself():
    many = [Recording(xc_id=f"XC{n}", genus="Turdus", species="merula", session="one",
                      licence=BY_NC_SA, recordist="A") for n in range(1, 8)]  # fmt: skip
    torn = [Recording(xc_id="XC100", genus="Pica", session="two"),
            Recording(xc_id="XC101", genus="Pica", session="three")]  # fmt: skip
    checked = check_manifest([*many, *torn])
    assert checked.rare_taxa == (("Pica", 2),)
    assert checked.one_session == ("Turdus merula",)
    assert checked.leaks == (("XC100", "XC101"),)
    assert checked.n_without_recordist == 2
    assert not checked.sharing_terms.may_be_shared


def test_the_check_names_a_file_that_cannot_be_read_once(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").touch()
    write_manifest(tmp_path / "m.csv", [Recording(file="a/x.wav", genus="Turdus")])
    words = [str(tmp_path / "m.csv"), "--audio", str(tmp_path), "--jobs", "1"]
    assert main(["manifest", "check", *words]) == 1
    assert "  a/x.wav: is empty (0 bytes)" in capsys.readouterr().out.splitlines()


def test_the_check_finds_copies(tmp_path, capsys):
    audio = tmp_path / "audio"
    audio.mkdir()
    songs = {name: voice(name, 8, seed) for seed, name in enumerate(("low", "rising", "high"))}
    for name, song in songs.items():
        soundfile.write(audio / f"{name}.wav", song, RATE_HZ)
    soundfile.write(audio / "again.mp3", 0.5 * songs["rising"][RATE_HZ:], RATE_HZ)
    (audio / "same.wav").write_bytes((audio / "low.wav").read_bytes())
    files = ["low.wav", "rising.wav", "high.wav", "again.mp3", "same.wav"]
    rows = [Recording(file=name, genus="Turdus", session=name) for name in files]
    write_manifest(tmp_path / "m.csv", rows)
    words = [str(tmp_path / "m.csv"), "--audio", str(audio), "--jobs", "1"]
    assert main(["manifest", "check", *words]) == 1
    told = capsys.readouterr().out
    assert "duplicates: 2" in told
    assert "low.wav (Turdus) and same.wav (Turdus): the same file; THEY ARE IN DIFF" in told
    assert "rising.wav (Turdus) and again.mp3 (Turdus): the same sound, 1.0 s later" in told
    write_manifest(tmp_path / "m.csv", rows[:3])
    assert main(["manifest", "check", *words]) == 0
    assert "duplicates: 0" in capsys.readouterr().out
    table = tmp_path / "whom.csv"
    words = ["manifest", "check", str(tmp_path / "m.csv"), "--attribution", str(table)]
    assert main(words) == 0
    assert table.read_text().startswith("recording,xc_id,url,recordist,licence\nlow.wav,")
    assert "duplicates: not checked" in capsys.readouterr().out
