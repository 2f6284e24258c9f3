"""Calibration: temperatures that were hidden are found, and the bundle carries all of it."""

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle, write_bundle
from birdsong.bundle.calibration import Calibration, fit_promises_for_allowed, pool_recordings
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import softmax
from birdsong.learning.evaluation.calibration_fit import calibrate, fit_calibration
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import RANKS
from tests.taxa.trees import SPECIES, THRUSHES, species_tree

TAXONOMY, LABELS = species_tree([3, 2, 1, 2])
SPACE = LabelSpace(tuple(LABELS), TAXONOMY)


def heard(seed, n, *, temperature=1.0, n_labels=8, n_segments=1) -> CalibrationData:
    """Recordings whose logits are calibrated once they are divided by a temperature."""
    generator = np.random.default_rng(seed)
    logits = 2.5 * generator.standard_normal((n, n_labels))
    cumulated = softmax(logits).cumsum(axis=1)
    y_true = (generator.random((n, 1)) > cumulated[:, :-1]).sum(axis=1)
    return CalibrationData(
        logits=(temperature * np.repeat(logits, n_segments, axis=0)).astype(np.float32),
        starts_s=np.tile(1.5 * np.arange(n_segments), n).astype(np.float32),
        signal_level_db=np.zeros(n_segments * n, np.float32),
        offsets=n_segments * np.arange(n + 1),
        y_true=y_true,
        folds=np.zeros(n, np.int64),
        recordings=tuple(f"{i}.wav" for i in range(n)),
        sessions=tuple(f"{i}" for i in range(n)),
    )


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_a_hidden_temperature_is_found(temperature):
    data = heard(0, 3000, temperature=temperature, n_segments=2)
    fitted = fit_calibration(data, SPACE)
    for rank in ("species", "genus", "family"):
        assert fitted.calibration.temperatures[rank] == pytest.approx(temperature, rel=0.1)
    best = min(fitted.log_loss, key=fitted.log_loss.get)
    assert fitted.calibration.pooling == best


def test_a_temperature_has_the_least_log_loss_of_being_right():
    data = heard(1, 500, temperature=1.4)
    fitted = fit_calibration(data, SPACE)
    labels, _ = pool_recordings(data, has_background=False, rule=fitted.calibration.pooling)

    def loss(rank, temperature):
        tree = LabelTree(TAXONOMY, LABELS, temperatures=dict.fromkeys(RANKS, temperature))
        paths = tree.paths(labels, np.ones(len(data)))
        depth = RANKS.index(rank)
        said, right = paths.probabilities[:, depth], tree.right(paths, data.y_true)[:, depth]
        return -np.log(np.where(right, said, 1 - said)).mean()

    for rank in ("family", "genus", "species"):
        best = fitted.calibration.temperatures[rank]
        assert loss(rank, best) <= min(loss(rank, 1.1 * best), loss(rank, best / 1.1))


def test_few_recordings_cannot_carry_it_far():
    data = heard(2, 2, temperature=5.0)
    fitted = fit_calibration(data, SPACE)
    assert all(0.2 < each < 5 for each in fitted.calibration.temperatures.values())
    assert fitted.calibration.promises.n_recordings == 2


def test_a_genus_among_the_labels_stands_for_itself():
    labels = [*SPECIES[:2], Label(taxon="Turdus", rank="genus"), *SPECIES[3:]]
    data = heard(3, 2000, n_labels=5, temperature=1.3)
    fitted = fit_calibration(data, LabelSpace(labels, THRUSHES))
    assert set(fitted.calibration.temperatures) == {"order", "family", "genus", "species"}
    assert fitted.calibration.temperatures["species"] == pytest.approx(1.3, rel=0.1)


def test_labels_of_genera_have_no_temperature_of_species():
    labels = [Label(taxon=f"Genus{g}", rank="genus") for g in range(4)]
    fitted = fit_calibration(heard(4, 50, n_labels=4), LabelSpace(labels, TAXONOMY))
    assert set(fitted.calibration.temperatures) == {"order", "family", "genus"}


def test_round_trip():
    fitted = fit_calibration(heard(5, 300), SPACE)
    again = Calibration.from_dict(fitted.calibration.to_dict())
    assert again == fitted.calibration


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pooling": "median"}, ValueError, "unknown rule to pool segments by: 'median'"),
        ({"temperatures": {"species": 0.0}}, ValueError, "must be greater than 0"),
        ({"temperatures": {"phylum": 1.0}}, ValueError, "unknown ranks: phylum"),
        ({"promises": {}}, KeyError, "thresholds"),
    ],
)
def test_numbers_that_cannot_be(changes, error, message):
    fitted = fit_calibration(heard(5, 30), SPACE)
    with pytest.raises(error, match=message):
        Calibration.from_dict({**fitted.calibration.to_dict(), **changes})


def test_a_list_is_calibrated_by_its_own_recordings():
    data = heard(6, 600)
    assert len(LABELS) == 8
    allowed_mask = np.zeros(8, bool)
    allowed_mask[[0, 3, 5]] = True
    tree = LabelTree(TAXONOMY, LABELS, allowed_mask=allowed_mask)
    promises = fit_promises_for_allowed(data, tree, has_background=False, rule="mean_roots")
    assert promises.n_recordings == np.isin(data.y_true, [0, 3, 5]).sum()
    nobody = LabelTree(TAXONOMY, LABELS, allowed_mask=np.zeros(len(LABELS), bool))
    assert (
        fit_promises_for_allowed(data, nobody, has_background=False, rule="mean_roots").n_recordings
        == 0
    )


def test_a_bundle_carries_its_calibration(calibrated_dir, tmp_path):
    bundle = read_bundle(calibrated_dir)
    assert bundle.calibration is not None
    assert calibrate(bundle).calibration == bundle.calibration, "fitted to the very same numbers"
    write_bundle(bundle, tmp_path / "copy")
    again = read_bundle(tmp_path / "copy")
    assert again.calibration == bundle.calibration
    assert again.fingerprint == bundle.fingerprint
    np.testing.assert_array_equal(again.calibration_data.logits, bundle.calibration_data.logits)


def test_without_logits_there_is_no_calibration(bundle_dir):
    assert calibrate(read_bundle(bundle_dir)).calibration is None
