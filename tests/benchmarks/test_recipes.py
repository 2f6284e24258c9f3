"""The table of recipes: begun, added to, read, compared."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import recipe_baselines as baselines
from benchmarks import recipes
from birdsong.bundle.calibration_data import CalibrationData, calibration_to_bytes

TABLE = Path(__file__).resolve().parents[2] / "docs" / "recipes.csv"


def logits_of(right: list[bool]) -> CalibrationData:
    """Recordings of label 0, each most probably of it or of label 1; the background comes last."""
    n = len(right)
    logits = np.zeros((n, 3), np.float32)
    logits[np.arange(n), np.where(right, 0, 1)] = 5
    logits[:, 2] = -5
    return CalibrationData(
        logits=logits,
        starts_s=np.zeros(n, np.float32),
        signal_level_db=np.zeros(n, np.float32),
        offsets=np.arange(n + 1),
        y_true=np.zeros(n, np.int64),
        folds=np.zeros(n, np.int64),
        recordings=tuple(f"{i}.wav" for i in range(n)),
        sessions=tuple(str(i) for i in range(n)),
    )


def trained(table, work, name: str, right: list[bool]) -> None:
    folder = recipes.run_folder(work, name, 0, 15)
    folder.mkdir(parents=True)
    (folder / "held_out.npz").write_bytes(calibration_to_bytes(logits_of(right)))
    line = dict.fromkeys(recipes.COLUMNS, 0.5) | {"recipe": name, "fold": 0, "epochs": 15}
    recipes.append(table, line)


def test_recipes_are_compared_recording_by_recording(tmp_path, capsys):
    table = tmp_path / "recipes.csv"
    trained(table, tmp_path, "plain", [True] * 50 + [False] * 50)
    trained(table, tmp_path, "22 kHz, 3 s", [True] * 60 + [False] * 40)
    assert set(recipes.read_table(table)) == {("plain", 0, 15), ("22 kHz, 3 s", 0, 15)}
    arguments = ["--table", str(table), "--work", str(tmp_path), "--compare"]
    assert recipes.main(arguments) == 0
    said = capsys.readouterr().out
    assert "plain: 1 folds, top1 0.500" in said
    assert "top-1 against plain: +10.0 points" in said

    elsewhere = ["--table", str(table), "--work", str(tmp_path / "nothing kept"), "--compare"]
    assert recipes.main(elsewhere) == 0
    said = capsys.readouterr().out
    assert "22 kHz, 3 s: 1 folds, top1 0.500" in said
    assert "against" not in said


def test_what_stands_in_the_table_is_not_trained_anew(tmp_path):
    table = tmp_path / "recipes.csv"
    trained(table, tmp_path, "plain", [True])
    arguments = ["plain", "--table", str(table), "--audio", str(tmp_path), "--folds", "0"]
    assert recipes.main(arguments) == 0
    with pytest.raises(SystemExit):
        recipes.main(["brilliant", *arguments])


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_is_one_that_the_configs_take(name):
    recipe = recipes.RECIPES[name]
    assert recipe.preprocess_config().spectrogram.hop_length in (240, 360)
    config = recipe.training_config(epochs=7)
    assert config.epochs == 7
    assert config.dataset.min_recordings == 6
    assert config.dataset.test_share == 0, "folds are all that is held out"
    model = baselines.NETWORKS.get(name, "squeezenet")
    assert config.model.name == model
    recipe.with_changes(dataset={"without": ("Aves",)}).training_config(epochs=1)


def test_a_recipe_that_is_gone_keeps_its_line_in_the_table(tmp_path, capsys):
    gone = ("soft labels", "bypass, peaks, frequency", "tilted, mixed more")
    assert not set(gone) & set(recipes.RECIPES)
    assert recipes.main(["--table", str(TABLE), "--work", str(tmp_path), "--compare"]) == 0
    printed = capsys.readouterr().out
    for name in gone:
        assert f"{name}: 1 folds, top1 0." in printed
    arguments = ["soft labels", "--table", str(TABLE), "--audio", str(tmp_path)]
    with pytest.raises(SystemExit):
        recipes.main(arguments)
    assert "no such recipe: soft labels" in capsys.readouterr().err


def test_the_folds_of_a_run_get_lines(images, tmp_path, capsys, small_network):
    from birdsong.pipelines.command import main

    run, table, work = tmp_path / "run", tmp_path / "recipes.csv", tmp_path / "work"
    words = ["train", str(images), "--out", str(run), "--folds", "3", "--folds-only"]
    assert main([*words, "--epochs", "1", "--no-augmentation"]) == 0
    added = ["--run", str(run), "--images", str(images), "--table", str(table), "--work", str(work)]
    assert recipes.main([*added, "shipped"]) == 0
    assert list(recipes.read_table(table)) == [("shipped", fold, 1) for fold in range(3)]
    before = table.read_bytes()
    assert recipes.main([*added, "shipped"]) == 0
    assert table.read_bytes() == before, "each fold once"
    again = ["--compare", "--table", str(table), "--work", str(work), "--epochs", "1"]
    assert recipes.main([*again, "shipped"]) == 0
    assert "shipped: 3 folds, top1" in capsys.readouterr().out
    for words in ([*added[:2], *added[4:], "shipped"], [*again, "plain"]):
        with pytest.raises(SystemExit):
            recipes.main(words)
