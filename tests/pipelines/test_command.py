"""The command as a person types it: outputs, messages, exit statuses."""

import csv
import json
import re
import shutil
import subprocess
import sys

import pytest

from birdsong.pipelines.command import OLD_STAGES, STAGES, main
from birdsong.recordings.manifest import write_manifest


@pytest.fixture
def manifest(voices, tmp_path):
    write_manifest(tmp_path / "manifest.csv", voices[1])
    return tmp_path / "manifest.csv"


def test_no_stage_shows_the_stages(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert all(stage in shown for stage in STAGES)


def test_an_unknown_stage_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["clasify"])
    assert stopped.value.code == 2
    assert "clasify" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new"), OLD_STAGES.items())
def test_the_old_name_of_a_stage_runs_it_with_a_note(old, new, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(
        f"birdsong.pipelines.{new}.run", lambda arguments: ran.append(arguments) or 0
    )
    assert main([old, "a", "b", "--out", "c"]) == 0
    assert [str(path) for path in ran[0].bundles] == ["a", "b"]
    assert capsys.readouterr().err == f"note: birdsong {old} is called birdsong {new} now\n"


def test_an_old_name_is_not_in_the_help(capsys):
    main([])
    shown = capsys.readouterr().out
    assert "\n    ensemble " in shown
    assert not any(f"\n    {old} " in shown for old in OLD_STAGES)


def test_help_shows_a_default_of_0(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "(default: 0)" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("birdsong 0.")


def test_preprocess_and_again(voices, manifest, tmp_path, capsys):
    words = ["preprocess", "--manifest", str(manifest), "--audio", str(voices[0])]
    words += ["--out", str(tmp_path / "images"), "--jobs", "1"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "24 recordings (24 ok, 0 skipped, 0 failed)" in shown
    assert "next: birdsong train" in shown
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "images").glob("*/*.png")}
    assert main(words) == 0
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "images").glob("*/*.png")}


def test_preprocess_prints_what_failed(voices, manifest, tmp_path, capsys):
    audio = shutil.copytree(voices[0], tmp_path / "audio")
    (audio / voices[1][3].file).write_bytes(b"")
    words = ["preprocess", "--manifest", str(manifest), "--audio", str(audio)]
    assert main([*words, "--out", str(tmp_path / "images"), "--jobs", "1"]) == 1
    shown = capsys.readouterr()
    assert "23 ok, 0 skipped, 1 failed" in shown.out
    assert f"failed: {voices[1][3].file}: is empty (0 bytes)" in shown.err


def test_preprocess_without_any_image_does_not_lead_to_training(manifest, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words = ["preprocess", "--manifest", str(manifest), "--audio", str(tmp_path / "empty")]
    assert main([*words, "--out", str(tmp_path / "images"), "--jobs", "1"]) == 1
    shown = capsys.readouterr().out
    assert "24 failed" in shown
    assert "next:" not in shown
    assert f"no images to train on: {tmp_path / 'images' / 'receipt.csv'} gives the reason" in shown
    assert main(["train", str(tmp_path / "images"), "--out", str(tmp_path / "run")]) == 2
    assert "images: holds no image; see its receipt.csv for the reasons" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["preprocess", "--manifest", "absent.csv", "--audio", ".", "--out", "o"], "absent.csv"),
        (["train", "absent", "--out", "runs/x"], "absent: holds no config.json"),
        (["classify", "x.mp3", "--bundle", "absent"], "absent: is no bundle"),
        (["classify", "x.mp3", "--bundle", "b", "--promise", "1.2"], "promise must be above 0"),
        (["demo", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["demo", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["demo", "--jobs", "999999999999"], "--jobs must be at most 10000, got 999999999999"),
        (["pack", "images", "--jobs", "999999999999"], "--jobs must be at most 10000, got"),
        (["manifest", "check", "m.csv", "--jobs", "0"], "--jobs must be at least 1, or -1 for all"),
        (["preprocess", "--manifest", "m.csv", "--audio", ".", "--out", "o", "--jobs", "10001"],
         "--jobs must be at most 10000, got 10001"),
        (["manifest", "noises", "--audio", "n", "--out", "n.csv", "--seed", "-1"], "--seed must"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_sentence(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"birdsong {words[0]}: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_package_says_what_to_type(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(
        "birdsong.pipelines.classify.run", lambda arguments: __import__("onnxruntime")
    )
    assert main(["classify", "x.mp3", "--bundle", "b"]) == 2
    error = capsys.readouterr().err
    assert "needs the package 'onnxruntime'; in the project's folder, type: pip install" in error


def test_interrupted(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("birdsong.pipelines.classify.run", interrupt)
    assert main(["classify", "x.mp3", "--bundle", "b"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_train_then_classify(images, voices, tmp_path, capsys, small_network):
    run = tmp_path / "genus"
    words = ["train", str(images), "--rank", "genus", "--out", str(run)]
    words += ["--epochs", "2", "--batch-size", "16", "--schedule", "plateau", "--seed", "3"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "epoch   2" in shown
    assert "in the test split: top-1" in shown
    assert f"--bundle {run}/bundle" in shown

    folder, rows = voices
    assert main(["classify", str(folder / rows[0].file), "--bundle", str(run / "bundle")]) == 0
    assert capsys.readouterr().out.startswith("recording,start_s,end_s,rank,taxon")


def test_train_then(images, tmp_path, capfd, small_network):
    """Arguments reach the command as they are: no shell looks at them."""
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2]); sys.exit(3)"
    written = tmp_path / "written.txt"
    words = ["train", str(images), "--epochs", "1", "--batch-size", "16", "--out"]
    then = ["--then", sys.executable, "-c", script, str(written), "--out $HOME; *"]
    assert main([*words, str(tmp_path / "run"), *then]) == 1
    assert written.read_text() == "--out $HOME; *"
    shown = capfd.readouterr()
    assert f"then: {sys.executable} -c" in shown.out
    assert "training succeeded, but" in shown.err
    assert "failed with status 3" in shown.err
    assert (tmp_path / "run" / "bundle").is_dir()


def test_train_then_an_unknown_command(images, tmp_path, capsys):
    words = ["train", str(images), "--out", str(tmp_path / "run"), "--then", "no-such-command"]
    assert main(words) == 2
    assert "--then: there is no command 'no-such-command'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists(), "checked before the training, not after it"


def test_train_with_back_off_and_exclusions(images, tmp_path, capsys, small_network):
    """Of Acutus half the recordings are of one species each: too few for labels of their own."""
    folder = shutil.copytree(images, tmp_path / "images")
    head, *rows = (folder / "index.csv").read_text().splitlines(keepends=True)
    rows = [re.sub(r"^(.*_)([02])(\.wav.*),summus,", r"\1\2\3,novus,", row) for row in rows]
    (folder / "index.csv").write_text(head + "".join(rows))
    words = ["train", str(folder), "--out", str(tmp_path / "run"), "--epochs", "1"]
    words += ["--batch-size", "16", "--min-recordings", "7", "--back-off"]
    assert main(words) == 0
    assert "labels, by rank: 1 genus, 2 species" in capsys.readouterr().out
    labels = json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())["labels"]
    assert [(label["rank"], label["taxon"]) for label in labels[:3]] == [
        ("genus", "Acutus"),
        ("species", "Acutus surgens"),
        ("species", "Gravis profundus"),
    ]
    words = ["train", str(folder), "--out", str(tmp_path / "other"), "--rank", "genus"]
    assert main([*words, "--without", "Acutus_surgens", "Acutus_summus", "Acutus_novus"]) == 2
    assert "only Gravis has enough recordings at rank genus" in capsys.readouterr().err


@pytest.fixture
def field(voices, tmp_path):
    """A folder as someone brings it home: a good file below, a bad one, and notes."""
    (tmp_path / "field" / "day 1").mkdir(parents=True)
    shutil.copy(voices[0] / voices[1][0].file, tmp_path / "field" / "day 1" / "b.WAV")
    (tmp_path / "field" / "a.mp3").write_bytes(b"")
    (tmp_path / "field" / "notes.txt").write_text("rain at noon")
    return tmp_path / "field"


def test_classify_a_folder_as_json(field, bundle_dir, capsys):
    assert main(["classify", str(field), "--bundle", str(bundle_dir), "--format", "json"]) == 1
    shown = capsys.readouterr()
    bad, good = map(json.loads, shown.out.splitlines())
    assert bad["status"] == "failed"
    assert bad["recording"].endswith("field/a.mp3")
    assert good["status"] == "ok"
    assert good["recording"].endswith("field/day 1/b.WAV")
    assert "field/a.mp3: failed: is empty (0 bytes)" in shown.err


def test_classify_into_a_folder(field, bundle_dir, tmp_path, capsys):
    out = tmp_path / "results"
    words = ["classify", str(field), "--bundle", str(bundle_dir), "--out", str(out)]
    assert main(words) == 1
    assert capsys.readouterr().out == ""
    with (out / "results.csv").open(newline="") as file:
        assert all(row["recording"].endswith("b.WAV") for row in csv.DictReader(file))
    assert main([*words, "--format", "json"]) == 1
    assert len((out / "results.jsonl").read_text().splitlines()) == 2
    assert sorted(p.name for p in out.iterdir()) == ["results.csv", "results.jsonl"]


def test_a_folder_without_recordings(bundle_dir, tmp_path, capsys):
    assert main(["classify", str(tmp_path), "--bundle", str(bundle_dir)]) == 2
    assert "the folders hold no recordings" in capsys.readouterr().err


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_as_a_module_in_a_clone(stage):
    done = subprocess.run(
        [sys.executable, "-m", f"pipelines.{stage}", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert f"usage: birdsong {stage}" in done.stdout
