"""Files of earlier versions are read by the names that their fields had."""

import pytest

from birdsong.bundle.bundle_files import DEFAULT_BUNDLE, read_bundle
from birdsong.errors import ConfigError
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.old_names import IMAGE_FIELDS, current_training_fields, with_new_names

OF_0_1 = {
    "material": {"rank": "genus", "others": True, "partly_named": False, "begin_with": "a/bundle"},
    "epochs": 40,
    "learning_rate": 0.002,
    "weight_averaging": 0.9,
    "loss": "auxiliary",
    "label_smoothing": 0.1,
    "soft_labels_beta": 15.0,
    "dropout": 0.4,
    "width": 1.5,
    "bypass": False,
    "frequency_channel": False,
    "fine_bands": True,
    "peaks": False,
    "n_teachers": 2,
    "augmentation": None,
    "save_memory": True,
    "eight_bits": True,
    "seed": 7,
}


def test_a_training_config_of_0_1():
    config = TrainingConfig.from_dict(OF_0_1)
    assert (config.epochs, config.seed, config.augmentation) == (40, 7, None)
    assert (config.gradient_checkpointing, config.int8) == (True, True)
    assert (config.dataset.rank, config.dataset.auxiliary_classes) == ("genus", True)
    assert (config.dataset.partial_labels, config.dataset.pretrained) == (False, "a/bundle")
    assert (config.model.width, config.model.dropout, config.model.stem_freq_stride) == (
        1.5,
        0.4,
        1,
    )
    assert (config.optimizer.learning_rate, config.optimizer.ema_momentum) == (0.002, 0.9)
    assert (config.loss.name, config.loss.label_smoothing) == ("auxiliary", 0.1)
    assert config.distillation.n_teachers == 2


@pytest.mark.parametrize("name", ["bypass", "frequency_channel", "peaks"])
def test_a_setting_that_is_gone(name):
    with pytest.raises(ConfigError, match=f"'{name}' was removed, .*; use birdsong 0.1"):
        TrainingConfig.from_dict({**OF_0_1, name: True})


def test_todays_fields_stay_as_they_are():
    fields = {"dataset": {"rank": "genus"}, "model": {"width": 2.0}, "epochs": 3}
    assert current_training_fields(fields) == fields


def test_counts_of_images():
    told = with_new_names({"recordings": 2, "pictures": 30}, IMAGE_FIELDS)
    assert told == {"recordings": 2, "images": 30}


def test_the_bundle_that_ships_was_trained_by_0_1():
    provenance = read_bundle(DEFAULT_BUNDLE).provenance
    configs = [provenance["config"], *(each["config"] for each in provenance["members"])]
    assert all("material" in config for config in configs)
    assert {TrainingConfig.from_dict(config).loss.name for config in configs} == {
        "hierarchical",
        "auxiliary",
    }
