"""Training whose first epochs show half of each picture."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.images.store import open_store
from birdsong.learning.material_config import MaterialConfig
from birdsong.learning.training_config import TrainingConfig

CONFIG = TrainingConfig(
    material=MaterialConfig(validation_share=0.2, calibration_share=0.0, test_share=0.2),
    epochs=4,
    crop_share=0.5,
    batch_size=16,
    dropout=0.2,
)

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def material(images, tensorflow):
    """What there is to learn, and where its pictures lie."""
    from birdsong.learning.gathering import gather

    store = open_store(images)
    return store, gather(store, CONFIG.material)


def test_the_network_sees_halves_then_whole_pictures(material, tmp_path, monkeypatch):
    from birdsong.learning.fitting import fit_network
    from birdsong.learning.prepared import Prepared

    seen = []

    def looked_at(batches):
        for pictures, targets in batches:
            seen.append(pictures.shape[2])
            yield pictures, targets

    fed = Prepared.train_batches
    monkeypatch.setattr(Prepared, "train_batches", lambda *asked: looked_at(fed(*asked)))
    network, epochs = fit_network(*material, CONFIG, tmp_path)
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2, 3]
    assert seen == sorted(seen), "none of whole pictures is fed before the last of crops"
    assert seen.count(100) == seen.count(200) == len(seen) / 2 > 0
    assert network.input_shape == (None, 64, 200, 1)


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
@pytest.mark.parametrize("n_teachers", [0, 1])
def test_stopped_anywhere_it_ends_as_one_that_was_not(
    material, tmp_path, stopped_after, n_teachers
):
    from birdsong.learning.fitting import fit_network

    config = replace(CONFIG, n_teachers=n_teachers)
    through, epochs = fit_network(*material, config, tmp_path / "through")
    n_told = 0

    def stop(epoch):
        nonlocal n_told
        n_told += 1
        if n_told == n_teachers * config.epochs + stopped_after + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_network(*material, config, tmp_path / "stopped", on_epoch=stop)
    network, resumed = fit_network(*material, config, tmp_path / "stopped")
    for name in ("epoch", "loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(
            [each[name] for each in resumed], [each[name] for each in epochs], rtol=1e-4
        )
    for one, other in zip(network.get_weights(), through.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_validation_ends_nothing_before_whole_pictures_were_seen(material, tmp_path):
    from birdsong.learning.fitting import fit_network

    config = replace(CONFIG, epochs=9, crop_share=0.5, patience=1, learning_rate=1e-12)
    _, epochs = fit_network(*material, config, tmp_path)
    assert len(epochs) == 6, "nothing improves: the first on whole pictures, and one more"
