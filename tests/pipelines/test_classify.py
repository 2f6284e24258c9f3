"""Recordings to answers, in every format, on standard output and into a folder."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import crowsetta
import pytest
import soundfile

from birdsong.pipelines.command import main
from tests.conftest import RATE_HZ, voice

FILES = ("a/one.wav", "b/one.wav", "two.flac", "three.mp3")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A folder of recordings, one of them no recording at all."""
    folder = tmp_path_factory.mktemp("field")
    for i, name in enumerate(FILES):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, voice("low", 7.0, 900 + i), RATE_HZ)
    (folder / "broken.wav").write_bytes(b"no sound at all")
    (folder / "notes.txt").write_text("not a recording, and not looked at")
    return folder


@pytest.fixture
def classify(field, bundle_dir, capsys):
    """Runs the command on the folder; returns its exit code, output and errors."""

    def run(*options):
        status = main(["classify", str(field), "--bundle", str(bundle_dir), *options])
        return status, *capsys.readouterr()

    return run


def test_json_on_standard_output(classify, field):
    status, out, err = classify("--format", "json")
    assert status == 1  # one is broken
    written = [json.loads(line) for line in out.splitlines()]
    assert [each["recording"] for each in written] == [
        str(field / name)
        for name in ("a/one.wav", "b/one.wav", "broken.wav", "three.mp3", "two.flac")
    ]  # fmt: skip
    assert [each["status"] for each in written] == ["ok", "ok", "failed", "ok", "ok"]
    assert "broken.wav: not audio in a format that can be read" in written[2]["error"]
    assert err.count("failed: ") == 1
    assert f"{field / 'broken.wav'}: failed: not audio in a format that can be read" in err
    assert f"{field}: skipped 1 of other kinds (notes.txt)" in err
    for each in written[:2]:
        assert each["top"][0]["taxon"] == "Gravis profundus"


def test_csv_on_standard_output_and_in_a_folder_is_the_same(classify, tmp_path):
    _, out, _ = classify()
    status, nothing, err = classify("--out", str(tmp_path))
    assert (status, nothing) == (1, "")
    assert (tmp_path / "results.csv").read_text() == out
    assert f"results: {tmp_path}/results.csv" in err
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["recording"].rpartition("/")[2] for row in rows} == {
        "one.wav", "two.flac", "three.mp3",
    }  # fmt: skip


def test_raven(classify, tmp_path):
    classify("--format", "raven", "--out", str(tmp_path))
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt"))
    assert written == [
        "a/one.selections.txt", "b/one.selections.txt", "three.selections.txt",
        "two.selections.txt",
    ]  # fmt: skip
    for name in written:
        table = crowsetta.formats.bbox.Raven.from_file(tmp_path / name, annot_col="Taxon")
        assert all(0 <= box.onset < box.offset <= 7.1 for box in table.to_bbox())


def test_audacity(classify, tmp_path):
    classify("--format", "audacity", "--out", str(tmp_path))
    track = crowsetta.formats.seq.AudSeq.from_file(tmp_path / "a" / "one.labels.txt")
    assert track.start_times[0] == 0


def test_kaleidoscope(classify, tmp_path, field):
    classify("--format", "kaleidoscope", "--out", str(tmp_path))
    rows = list(csv.DictReader((tmp_path / "kaleidoscope.csv").read_text().splitlines()))
    assert {(row["FOLDER"], row["IN FILE"]) for row in rows} >= {("a", "one.wav"), ("b", "one.wav")}


@pytest.mark.parametrize("format", ["raven", "audacity", "kaleidoscope"])
def test_formats_of_files_need_a_folder(classify, format):
    status, out, err = classify("--format", format)
    assert (status, out) == (2, "")
    assert f"--format {format} writes files: name a folder for them with --out DIR" in err


def test_more_overlap_makes_more_segments(classify):
    def n_segments(*options):
        _, out, _ = classify("--format", "json", *options)
        return len(json.loads(out.splitlines()[0])["segments"])

    assert n_segments("--overlap", "0") < n_segments() < n_segments("--overlap", "1.5")


@pytest.mark.parametrize("overlap", ["2.5", "2", "-1", "nan", "inf"])
def test_an_overlap_out_of_range(classify, overlap):
    status, out, err = classify("--overlap", overlap)
    assert (status, out) == (2, "")
    assert "--overlap must be at least 0 and less than a segment, 2 s" in err
    assert f"got {overlap}" in err
    assert "step" not in err


def test_a_long_recording_gets_detections_only(classify):
    _, out, _ = classify("--format", "json", "--answer-up-to-s", "5")
    first = json.loads(out.splitlines()[0])
    assert first["answer"] is None
    assert "above 5 s there are detections only" in first["reason"]
    assert first["detections"]


def test_the_same_file_twice_is_answered_once(field, bundle_dir, capsys):
    path = str(field / "two.flac")
    assert main(["classify", path, path, "--bundle", str(bundle_dir), "--format", "json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_failure_keeps_its_folder(bundle_dir, tmp_path, capsys):
    paths = [tmp_path / folder / "20240513_043000.WAV" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    absent = tmp_path / "c" / "absent.wav"
    assert main(["classify", str(tmp_path), str(absent), "--bundle", str(bundle_dir)]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line for line in errors if "failed" in line] == [
        *(f"{path}: failed: is empty (0 bytes)" for path in paths),
        f"{absent}: failed: no such file",
    ]


def test_a_folder_is_read_as_a_scan_reads_it_and_a_file_that_is_named_is_tried(
    field, bundle_dir, tmp_path, capsys
):
    for name in ("a.wav", "._a.wav", ".Trashes/b.wav", "$RECYCLE.BIN/c.wav", "d.list"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(field / "a" / "one.wav", tmp_path / name)
    words = ["--bundle", str(bundle_dir), "--format", "json"]
    assert main(["classify", str(tmp_path), *words]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["recording"] for line in out.splitlines()] == [f"{tmp_path}/a.wav"]
    assert (
        f"{tmp_path}: skipped 1 of the system ($RECYCLE.BIN); 2 hidden (.Trashes, ._a.wav); "
        "1 of other kinds (d.list)"
    ) in err
    for name in ("._a.wav", "d.list"):
        assert main(["classify", str(tmp_path / name), *words]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["status"] == "ok"
        assert "skipped" not in err


@pytest.mark.parametrize("suffix", [".w64", ".caf", ".au", ".rf64"])
def test_every_format_of_a_folder_is_classified(bundle_dir, tmp_path, capsys, suffix):
    format = suffix.removeprefix(".").upper()
    soundfile.write(
        tmp_path / f"a{suffix}", voice("low", 7.0, 900), RATE_HZ, format=format, subtype="PCM_16"
    )
    command = ["classify", str(tmp_path), "--bundle", str(bundle_dir), "--format", "json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["top"][0]["taxon"] == "Gravis profundus"


@pytest.mark.skipif(sys.platform != "linux", reason="names are not bytes everywhere")
def test_names_in_another_encoding_and_over_two_lines(field, bundle_dir, tmp_path, capsys):
    old, odd = tmp_path / os.fsdecode(b"Kr\xe4he.wav"), tmp_path / "red\x1b[31m\nbird.wav"
    shutil.copy(field / "two.flac", old)
    shutil.copy(field / "broken.wav", tmp_path / os.fsdecode(b"Kr\xe4hen.wav"))
    shutil.copy(field / "two.flac", odd)
    words = ["classify", str(tmp_path), "--bundle", str(bundle_dir), "--format"]
    assert main([*words, "json"]) == 1
    out, err = capsys.readouterr()
    statuses = {each["recording"]: each["status"] for each in map(json.loads, out.splitlines())}
    assert statuses == {
        f"{tmp_path}/Kr\\udce4he.wav": "ok",
        f"{tmp_path}/Kr\\udce4hen.wav": "failed",
        str(odd): "ok",
    }
    assert f"{tmp_path}/red [31m bird.wav: species" in err
    assert f"{tmp_path}/Kr\\udce4hen.wav: failed: not audio" in err
    assert main([*words, "csv", "--out", str(tmp_path / "out")]) == 1
    assert "Kr\\udce4he.wav," in (tmp_path / "out" / "results.csv").read_text()
    assert main([*words, "raven", "--out", str(tmp_path / "out")]) == 1
    assert (tmp_path / "out" / "Kr\\udce4he.selections.txt").exists()


def test_output_to_a_pipe_is_utf8(field, bundle_dir, tmp_path):
    recording = shutil.copy(field / "two.flac", tmp_path / "Žluť.flac")
    done = subprocess.run(
        [sys.executable, "-m", "birdsong.pipelines.command",
         "classify", recording, "--bundle", str(bundle_dir)],
        capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=True,
    )  # fmt: skip
    assert "Žluť.flac,0.0," in done.stdout.decode("utf-8")
    assert rb"\u017dlu\u0165.flac: species" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_one_sentence(field, bundle_dir):
    words = ["classify", str(field / "two.flac"), "--bundle", str(bundle_dir)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "birdsong.pipelines.command", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "birdsong classify: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_results_that_cannot_be_written(classify, tmp_path):
    (tmp_path / "file").touch()
    status, out, err = classify("--out", str(tmp_path / "file" / "results"))
    assert (status, out) == (2, "")
    assert err.endswith(f"birdsong classify: {tmp_path}/file/results: Not a directory\n")


def test_a_folder_without_recordings(tmp_path, bundle_dir, capsys):
    assert main(["classify", str(tmp_path), "--bundle", str(bundle_dir)]) == 2
    assert "the folders hold no recordings" in capsys.readouterr().err


def test_a_missing_bundle(field, tmp_path, capsys):
    assert main(["classify", str(field), "--bundle", str(tmp_path)]) == 2
    assert "is no bundle, it holds no bundle.json" in capsys.readouterr().err


def test_answers_are_limited_to_a_list(classify, tmp_path):
    names = tmp_path / "garden.txt"
    names.write_text("# my garden\nGRAVIS profundus\nacutus_summus  # seldom\nTurdus merula\n")
    status, out, err = classify("--only", str(names), "--format", "json", "--promise", "0.5")
    assert status == 1
    assert "garden.txt: 2 of the model's 3 labels; 1 unknown name: Turdus merula\n" in err
    written = [json.loads(line) for line in out.splitlines()]
    assert {each["taxon"] for each in written[0]["top"]} == {"Gravis profundus", "Acutus summus"}
    names.write_text("Acutidae\n")
    _, out, err = classify("--only", str(names), "--format", "json")
    assert "garden.txt: 2 of the model's 3 labels\n" in err
    assert "Probably not in your list" in json.loads(out.splitlines()[0])["answer"]["reason"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the list is empty; expected at least one name"),
        ("# nothing\n\n", "the list is empty"),
        ("Turdus merula\nTurdus\n", "the model knows none of the 2 names of the list"),
        (None, "no such file"),
    ],
)
def test_a_list_that_cannot_be_used(classify, tmp_path, text, message):
    names = tmp_path / "list.txt"
    if text is not None:
        names.write_text(text)
    status, _, err = classify("--only", str(names))
    assert status == 2
    assert message in err
