"""Options of `birdsong train` are the fields of its configs, by their names of today and before."""

import argparse
from dataclasses import asdict, fields, replace

import pytest

from birdsong.config_options import OPTION
from birdsong.errors import ConfigError
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.pipelines.command import main
from birdsong.pipelines.train_options import CONFIGS, add_arguments, training_config
from tests.learning.changed import changed


def parse(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return training_config(parser.parse_args(["images", "--out", "run", *words]))


def test_no_options_give_the_default():
    config = parse("--jobs", "2")
    assert asdict(config) == asdict(TrainingConfig())


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["--loss", "auxiliary"], {"loss": "auxiliary"}),
        (["--auxiliary-weight", "0.5"], {"auxiliary_weight": 0.5}),
        (["--label-smoothing", "0.2"], {"label_smoothing": 0.2}),
        (["--weight-decay", "0.01"], {"weight_decay": 0.01}),
        (["--dropout", "0.1", "--width", "2"], {"dropout": 0.1, "width": 2.0}),
        (["--no-batch-normalization"], {"batch_normalization": False}),
        (["--model", "efficientnet-b0"], {"model": "efficientnet-b0"}),
        (["--teachers", "2", "--teacher-width", "1.5"], {"n_teachers": 2, "teacher_width": 1.5}),
        (["--devices", "2", "--epochs", "3"], {"n_devices": 2, "epochs": 3}),
    ],
)  # fmt: skip
def test_a_setting_reaches_its_config(words, settings):
    assert parse("--jobs", "2", *words) == changed(**settings)


def test_a_seed_draws_split_and_training():
    config = parse("--seed", "5")
    assert (config.seed, config.dataset.seed) == (5, 5)


def test_taxa_become_a_tuple():
    assert parse("--under", "Turdus", "Corvidae").dataset.under == ("Turdus", "Corvidae")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["--others"], ["--auxiliary-classes"]),
        (["--partly-named"], ["--partial-labels"]),
        (["--average-weights", "0.9"], ["--ema-momentum", "0.9"]),
        (["--save-memory"], ["--gradient-checkpointing"]),
        (["--eight-bits"], ["--int8"]),
        (["--fine-bands"], ["--stem-freq-stride", "1"]),
        (["--begin-with", "a/bundle"], ["--pretrained", "a/bundle"]),
        (["--begin-with"], ["--pretrained"]),
    ],
)
def test_an_old_option_is_read_and_a_note_gives_its_new_name(capsys, old, new):
    config = parse(*old)
    assert config == parse(*new)
    assert config != parse()
    shown = new if new[0].startswith("--stem") else new[:1]
    assert capsys.readouterr().err == f"note: {old[0]} is called {' '.join(shown)} now\n"


@pytest.mark.parametrize(
    "words", [["--peaks"], ["--bypass"], ["--frequency-channel"], ["--soft-labels-beta", "3"]]
)
def test_a_removed_option_is_one_sentence(capsys, words):
    assert main(["train", "images", "--out", "run", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"birdsong train: {words[0]}: ")
    assert (
        "was removed, since it did not improve accuracy (docs/recipes.csv); use birdsong 0.1"
        in error
    )
    assert error.count("\n") == 1


def test_soft_labels_are_removed():
    with pytest.raises(SystemExit):
        parse("--loss", "soft-labels")


def test_every_field_has_an_option_or_is_a_config():
    """But for the share of backgrounds, and what other options set."""
    without = {
        f"{path}.{each.name}"
        for path, config in CONFIGS.items()
        for each in fields(config)
        if OPTION not in each.metadata
    }
    assert without == {"dataset.background_share", "dataset.pretrained", "dataset.seed"}
    own = {each.name for each in fields(TrainingConfig) if OPTION not in each.metadata}
    assert own == {*CONFIGS, "augmentation"}


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="dropout must be in"):
        parse("--dropout", "1")
    with pytest.raises(ConfigError, match=r"width 2\.0 works with squeezenet only, not with eff"):
        parse("--model", "efficientnet-b0", "--width", "2")


def test_no_augmentation():
    assert parse("--no-augmentation", "--jobs", "2") == replace(TrainingConfig(), augmentation=None)
