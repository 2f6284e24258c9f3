"""Out-of-fold statistics of a model, and recordings that are unfamiliar to it."""

from dataclasses import replace

import numpy as np
import pytest

from birdsong.answers.classifier import Classifier
from birdsong.answers.out_of_fold_stats import LabelStats, OutOfFoldStats, entropy_bits
from birdsong.bundle.bundle_files import read_bundle


@pytest.fixture(scope="module")
def bundle(calibrated_dir):
    return read_bundle(calibrated_dir)


def test_every_label_is_counted_as_a_loop_counts_it(bundle):
    data = bundle.calibration_data
    labels, _ = bundle.pool_recordings(data)
    record = OutOfFoldStats(bundle)
    for i, label in enumerate(bundle.bird_labels):
        tested = found = named = 0
        for truth, prediction in zip(
            data.y_true.tolist(), labels.argmax(axis=1).tolist(), strict=True
        ):
            tested += truth == i
            found += truth == prediction == i
            named += prediction == i
        assert record.of_label[label.taxon] == LabelStats(tested, found, named)
    assert sum(each.n_tested for each in record.of_label.values()) == len(data)


def test_a_model_that_was_not_tested_remembers_nothing(bundle_dir):
    record = OutOfFoldStats(read_bundle(bundle_dir))
    assert record.of_label == {}
    assert not record.is_unfamiliar(np.full(3, 1 / 3))


def test_doubt_is_in_bits():
    prediction = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(entropy_bits(prediction), [0, 1, 2])


def test_more_doubt_than_in_the_test_is_a_warning(bundle):
    classifier = Classifier(bundle)
    logits_of_recording = classifier.run_inference(_noise())
    n_labels = logits_of_recording.logits.shape[1]
    unfamiliar = np.zeros((len(logits_of_recording.starts_s), n_labels), np.float32)
    sure = unfamiliar.copy()
    sure[:, 0] = 500
    if bundle.has_background:
        unfamiliar[:, -1] = -20  # a bird for certain, but which
    warned = [
        "perhaps a bird that it does not know" in " ".join(prediction.warnings)
        for logits in (unfamiliar, sure)
        for prediction in [
            classifier.choose_answer(replace(logits_of_recording, logits=logits), name="a")
        ]
    ]
    assert warned == [True, False]


def _noise() -> bytes:
    import io

    import soundfile

    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(0).normal(0, 0.1, 96_000), 24_000, format="WAV")
    return content.getvalue()
