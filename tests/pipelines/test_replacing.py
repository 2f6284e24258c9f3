"""No command overwrites what it did not make, or made of something else, unless it is told to."""

import json
import shutil
from dataclasses import replace

import pytest

from birdsong.bundle.bundle_files import read_bundle, write_bundle
from birdsong.images import packed
from birdsong.pipelines import bench, demo
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import write_manifest
from tests.images.folder_contents import contents

MINE = b"what a person wrote"


def refused(words, capsys, *places):
    """Run a command that must not change anything in these folders; return what it says."""
    before = [contents(place) for place in places]
    assert main(list(map(str, words))) == 2
    said = capsys.readouterr().err
    assert "nothing was changed" in said
    assert [contents(place) for place in places] == before
    return said


@pytest.fixture
def classify(voices, bundle_dir):
    folder, rows = voices

    def words(*numbers):
        return ["classify", *(folder / rows[n].file for n in numbers), "--bundle", bundle_dir]

    return words


@pytest.mark.parametrize(("format", "file"), [("csv", "results.csv"), ("json", "results.jsonl")])
def test_classify_keeps_an_earlier_runs_results(classify, tmp_path, capsys, format, file):
    options = ["--out", tmp_path, "--format", format]
    assert main(list(map(str, [*classify(0), *options]))) == 0
    capsys.readouterr()
    said = refused([*classify(1), *options], capsys, tmp_path)
    assert said.strip().endswith(
        f"{file}: already exists; nothing was changed: name another --out, or add --replace to "
        "overwrite"
    )
    before = (tmp_path / file).read_bytes()
    assert main(list(map(str, [*classify(1), *options, "--replace"]))) == 0
    assert (tmp_path / file).read_bytes() != before


def test_classify_keeps_tables_of_single_recordings_and_other_formats(classify, tmp_path, capsys):
    options = ["--out", tmp_path, "--format"]
    assert main(list(map(str, [*classify(0, 1), *options, "raven"]))) == 0
    assert main(list(map(str, [*classify(0, 1), *options, "csv"]))) == 0
    assert main(list(map(str, [*classify(2), *options, "raven"]))) == 0, "beside the others"
    assert len(list(tmp_path.glob("*.selections.txt"))) == 3
    capsys.readouterr()
    said = refused([*classify(1, 2, 3), *options, "raven"], capsys, tmp_path)
    assert ".selections.txt (and 1 more): already exists" in said


def test_evaluate_keeps_the_report_of_another_bundle(bundle_dir, images, tmp_path, capsys):
    out = tmp_path / "report"
    words = ["evaluate", bundle_dir, images, "--out", out]
    assert main(list(map(str, words))) == 0
    before = contents(out)
    assert main(list(map(str, words))) == 0, "the same again"
    assert contents(out) == before
    labels = read_bundle(bundle_dir).labels
    renamed = replace(read_bundle(bundle_dir), labels=(
        replace(labels[0], english_name="Another"), *labels[1:],
    ))  # fmt: skip
    write_bundle(renamed, tmp_path / "other")
    capsys.readouterr()
    said = refused(["evaluate", tmp_path / "other", *words[2:]], capsys, out)
    assert "metrics.json (and 2 more): already exists; nothing" in said
    said = refused([*words, "--all"], capsys, out)
    assert "metrics.json (and 2 more): already exists with different content" in said
    assert main(list(map(str, [*words, "--all", "--replace"]))) == 0


def test_evaluate_keeps_the_metrics_of_a_training(bundle_dir, images, tmp_path, capsys):
    (tmp_path / "metrics.json").write_text(json.dumps({"rank": "species"}))
    said = refused(["evaluate", bundle_dir, images, "--out", tmp_path], capsys, tmp_path)
    assert "metrics.json: already exists" in said


def test_explore_keeps_a_table_that_it_did_not_write(images, tmp_path, capsys):
    (tmp_path / "taxa.csv").write_bytes(MINE)
    (tmp_path / "notes.txt").write_bytes(MINE)
    words = ["explore", images, "--out", tmp_path]
    assert "taxa.csv: already exists with" in refused(words, capsys, tmp_path)
    assert main(list(map(str, [*words, "--replace"]))) == 0
    before = contents(tmp_path)
    assert main(list(map(str, words))) == 0, "the same again"
    assert contents(tmp_path) == before
    assert before["notes.txt"] == MINE


def test_a_card_that_somebody_went_on_with_is_kept(bundle_dir, tmp_path, capsys):
    bundle = shutil.copytree(bundle_dir, tmp_path / "bundle")
    words = ["card", bundle]
    assert main(list(map(str, words))) == 0
    assert main(list(map(str, words))) == 0
    with (bundle / "MODEL_CARD.md").open("a") as file:
        file.write("## Intended use\n")
    capsys.readouterr()
    assert "MODEL_CARD.md: already exists with" in refused(words, capsys, bundle)
    assert main(list(map(str, [*words, "--replace"]))) == 0
    assert "Intended use" not in (bundle / "MODEL_CARD.md").read_text()


def test_a_training_keeps_files_that_are_not_of_one(images, tmp_path, capsys):
    (tmp_path / "metrics.json").write_bytes(MINE)
    (tmp_path / "history.csv").write_bytes(MINE)
    before = contents(tmp_path)
    assert main(["train", str(images), "--out", str(tmp_path), "--epochs", "1"]) == 2
    said = capsys.readouterr().err
    assert "holds metrics.json, history.csv but no run.json, so these files are not from a" in said
    assert contents(tmp_path) == before


def test_a_curve_of_learning_rates_is_kept(images, tmp_path, capsys):
    (tmp_path / "learning_rates.csv").write_bytes(MINE)
    words = ["train", images, "--out", tmp_path, "--find-learning-rate"]
    assert "learning_rates.csv: already exists" in refused(words, capsys, tmp_path)


def test_a_packed_copy_takes_away_its_own_files_only(images, tmp_path):
    folder = shutil.copytree(images, tmp_path / "images")
    assert main(["pack", str(folder)]) == 0
    (folder / packed.FOLDER / "notes.txt").write_bytes(MINE)
    assert main(["pack", str(folder), "--compressed"]) == 0
    names = {path.name for path in (folder / packed.FOLDER).iterdir()}
    assert names == {"packed.json", "00000.pngs", "00000.offsets.npy", "notes.txt"}


def test_a_manifest_that_was_edited_is_kept(voices, tmp_path, capsys):
    audio = tmp_path / "audio" / "Turdus_merula"
    audio.mkdir(parents=True)
    (audio / "a.wav").touch()
    out = tmp_path / "m.csv"
    words = ["manifest", "scan", "--audio", audio.parent, "--out", out]
    assert main(list(map(str, words))) == 0
    assert main(list(map(str, words))) == 0, "the same again"
    out.write_text(out.read_text().replace("merula", "viscivorus"))
    edited = out.read_bytes()
    capsys.readouterr()
    assert "m.csv: already exists with" in refused(words, capsys, tmp_path)
    (audio / "b.wav").touch()
    refused(words, capsys, tmp_path)
    assert main(list(map(str, [*words, "--replace"]))) == 0
    assert out.read_bytes() != edited


def test_a_catalogue_is_not_asked_for_a_manifest_that_is_there(tmp_path, capsys):
    (tmp_path / "m.csv").write_bytes(MINE)
    words = ["manifest", "build", "--query", "gen:turdus", "--out", tmp_path / "m.csv"]
    words += ["--address", "http://127.0.0.1:1"]
    assert "m.csv: already exists; nothing" in refused(words, capsys, tmp_path)


def test_noises_keep_recordings_and_manifests(tmp_path, capsys):
    words = ["manifest", "noises", "--audio", tmp_path / "a", "--out", tmp_path / "n.csv"]
    words += ["--recordings", "2"]
    assert main(list(map(str, words))) == 0
    before = contents(tmp_path)
    assert main(list(map(str, words))) == 0, "the same again"
    assert contents(tmp_path) == before
    capsys.readouterr()
    said = refused([*words, "--seed", "1"], capsys, tmp_path)
    assert ".flac (and 1 more): already exists with different content; nothing was" in said
    assert "name another --audio" in said
    (tmp_path / "n.csv").write_bytes(MINE)
    assert "n.csv: already exists" in refused(words, capsys, tmp_path)
    assert main(list(map(str, [*words, "--seed", "1", "--replace"]))) == 0


def test_a_table_of_attribution_is_kept(voices, tmp_path, capsys):
    write_manifest(tmp_path / "m.csv", voices[1][:2])
    words = ["manifest", "check", tmp_path / "m.csv", "--attribution", tmp_path / "who.csv"]
    assert main(list(map(str, words))) == 0
    assert main(list(map(str, words))) == 0, "the same again"
    (tmp_path / "who.csv").write_bytes(MINE)
    capsys.readouterr()
    said = refused(words, capsys, tmp_path)
    assert "who.csv: already exists with different content" in said
    assert "name another --attribution" in said
    assert main(list(map(str, [*words, "--replace"]))) == 0


def test_figures_are_kept_before_anything_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench.runpy, "run_path", lambda *_: pytest.fail("must not get here"))
    (tmp_path / "f.json").write_bytes(MINE)
    (tmp_path / "p.png").write_bytes(MINE)
    said = refused(["bench", "png", "--json", tmp_path / "f.json"], capsys, tmp_path)
    assert "f.json: already exists; nothing was changed: name another --json" in said
    said = refused(["bench", "feed", "--plot", tmp_path / "p.png"], capsys, tmp_path)
    assert "name another --plot" in said


def test_the_demo_takes_away_its_own_files_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "_make_recordings", lambda *_: pytest.fail("must not get here"))
    out = tmp_path / "demo"
    (out / "runs" / "species").mkdir(parents=True)
    (out / demo.MARKER_FILE).touch()
    (out / "runs" / "mine").mkdir()
    said = refused(["demo", "--out", out], capsys, out)
    assert f"{out / 'runs' / 'mine'} is not of it" in said
    (out / "runs" / "mine").rmdir()
    with pytest.raises(pytest.fail.Exception, match="must not get here"):
        main(["demo", "--out", str(out)])
    assert not (out / "runs").exists()
