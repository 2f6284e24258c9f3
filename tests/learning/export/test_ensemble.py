"""Several bundles that answer as one: the mean of what they say, calibrated and measured anew."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from scipy.special import log_softmax

from birdsong.bundle.bundle_files import WEIGHTS, read_bundle, write_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.csv_tables import write_table
from birdsong.errors import BundleError
from birdsong.images.tables import AttributionRow, read_attribution
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.export.ensemble import average_logits, ensemble_bundles
from birdsong.learning.export.onnx_ensemble import ensemble_networks
from birdsong.learning.reporting.model_card import model_card
from birdsong.pipelines.command import main
from tests.band_means import linear_network

N_LABELS = 5


@pytest.fixture(scope="module")
def calibrated(calibrated_dir):
    return read_bundle(calibrated_dir)


@pytest.fixture(scope="module")
def other(calibrated):
    """A bundle of the same labels that hears something else, its recordings in another order."""
    generator = np.random.default_rng(1)
    data = calibrated.calibration_data
    noise = generator.normal(0, 3, data.logits.shape).astype(np.float32)
    shuffled = replace(data, logits=data.logits / 2 + noise).of(generator.permutation(len(data)))
    matrix = generator.normal(0, 1, (65, len(calibrated.labels))).astype(np.float32)
    return replace(
        calibrated,
        name="other",
        model_onnx=linear_network(matrix),
        sessions=calibrated.sessions | {"one that only this one knows"},
        provenance={"licence": "CC0-1.0", "command": "birdsong train x", "folds": 5},
        calibration_data=shuffled,
    )


@pytest.fixture(scope="module")
def licensed(calibrated):
    return replace(calibrated, provenance={"licence": "CC0-1.0", "learned_from": {"images": 7}})


@pytest.fixture(scope="module")
def joint(licensed, other):
    return ensemble_bundles([licensed, other], "both", {"command": "birdsong join"})


@pytest.mark.parametrize("n_networks", [2, 3])
def test_networks_say_the_mean_of_their_log_probabilities(calibrated, n_networks):
    generator = np.random.default_rng(0)
    n_labels = len(calibrated.labels)
    matrices = generator.normal(0, 2, (n_networks, 65, n_labels)).astype(np.float32)
    images = generator.integers(0, 256, (11, 64, 200), np.uint8)
    models = [linear_network(matrix) for matrix in matrices]
    said = [Network(replace(calibrated, model_onnx=each)).logits(images) for each in models]
    together = Network(replace(calibrated, model_onnx=ensemble_networks(models))).logits(images)
    expected = np.mean([log_softmax(each, axis=1) for each in said], axis=0)
    np.testing.assert_allclose(together, expected, atol=1e-4)
    assert np.ptp(np.stack(said), axis=0).max() > 1, "they do not say the same"


def test_networks_of_other_operators_are_refused():
    model = onnx.load_from_string(linear_network(np.zeros((65, N_LABELS), np.float32)))
    model.opset_import[0].version = 15
    with pytest.raises(BundleError, match=r"with different versions of ONNX .*13.*15"):
        ensemble_networks(
            [linear_network(np.zeros((65, N_LABELS), np.float32)), model.SerializeToString()]
        )


def test_logits_of_any_size_have_a_mean(calibrated):
    data = calibrated.calibration_data
    logits = np.where(data.logits > data.logits.mean(), 5e4, -5e4).astype(np.float32)
    large = replace(data, logits=logits)
    mean = average_logits([large, large], ["one", "two"])
    np.testing.assert_allclose(mean.logits, log_softmax(logits, axis=1), rtol=1e-6)


def test_a_joint_bundle_is_calibrated_and_measured_by_what_all_said(joint, licensed, other):
    data = joint.calibration_data
    place = {key: i for i, key in enumerate(zip(*_keys(other), strict=True))}
    own = other.calibration_data.of(
        np.array([place[key] for key in zip(*_keys(joint), strict=True)])
    )
    expected = (
        log_softmax(licensed.calibration_data.logits, axis=1) + log_softmax(own.logits, axis=1)
    ) / 2
    np.testing.assert_allclose(data.logits, expected, rtol=2e-3, atol=2e-3)  # kept as 16 bits
    assert _keys(joint) == _keys(licensed)
    assert joint.calibration is not None
    assert joint.calibration != licensed.calibration
    assert joint.sessions == other.sessions
    measured = joint.provenance["metrics"]["out_of_fold"]
    assert measured == pytest.approx(measure_logits(data, joint.label_space), abs=1e-3)
    assert joint.provenance["metrics"]["promises"]["rules"]


def test_it_tells_of_each_that_it_is_made_of(joint, licensed, other):
    assert joint.name == "both"
    assert joint.provenance["licence"] == "CC0-1.0"
    assert joint.provenance["command"] == "birdsong join"
    members = joint.provenance["members"]
    assert [each["name"] for each in members] == [licensed.name, "other"]
    assert [each["fingerprint"] for each in members] == [licensed.fingerprint, other.fingerprint]
    assert members[1]["command"] == "birdsong train x"
    assert "learned_from" not in joint.provenance, "what one learned from is not what both did"


def test_its_card_tells_how_each_was_trained(licensed, other):
    began = {"name": "before", "fingerprint": "f" * 16, "sessions": 3, "licence": ""}
    other = replace(other, provenance={**other.provenance, "began_with": began})
    card = model_card(ensemble_bundles([licensed, other], "both", {}), [])
    trained = card.partition("## How it was trained\n")[2].partition("\n## ")[0]
    assert (
        f"2 networks answer together, by the mean of their log probabilities: {licensed.name}, "
        in (trained)
    )
    assert [line for line in trained.splitlines() if line.startswith("### ")] == [
        f"### {licensed.name}",
        "### other",
    ]
    assert "| command | `birdsong train x` |" in trained
    own, *members = trained.split("### ")
    assert "| folds |" not in own
    assert ["| folds |" in each for each in members] == [False, True]
    assert "\n\nother was pretrained on bundle before" in card


def _keys(bundle):
    return bundle.calibration_data.recordings, bundle.calibration_data.sessions


def renamed(bundle):
    first, *others = bundle.labels
    return replace(bundle, labels=(replace(first, taxon="Nemo nemo"), *others))


def turned(bundle):
    first, second, *others = bundle.labels
    return replace(bundle, labels=(second, first, *others))


def with_other_images(bundle):
    return replace(bundle, spectrogram=replace(bundle.spectrogram, hop_length=123))


def with_another_tree(bundle):
    rows = [{**row, "english_name": "Nobody"} for row in bundle.taxonomy.to_rows()]
    return replace(bundle, taxonomy=type(bundle.taxonomy).from_rows(rows))


def held_to_fewer(bundle):
    return replace(bundle, calibration_data=bundle.calibration_data.of(np.arange(9)))


def held_to_other_segments(bundle):
    data = bundle.calibration_data
    return replace(bundle, calibration_data=replace(data, starts_s=data.starts_s + 0.5))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (renamed, "have different labels, as '.*', which one of them lacks"),
        (turned, "have different labels, in their order"),
        (with_other_images, "its images have fingerprint"),
        (with_another_tree, "have different trees above their labels"),
        (lambda bundle: replace(bundle, calibration_data=None), "train it with --folds"),
        (held_to_fewer, "held out different recordings or segments of them"),
        (held_to_other_segments, "held out different recordings or segments of them"),
        (
            lambda bundle: replace(bundle, provenance={"licence": "MIT"}),
            "different licences, CC0-1.0, MIT; name the ensemble's with --licence",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(licensed, other, changed, message):
    with pytest.raises(BundleError, match=message):
        ensemble_bundles([licensed, changed(other)], "both", {})


def test_a_licence_that_is_named_is_the_joint_one(licensed, other):
    other = replace(other, provenance={})
    with pytest.raises(BundleError, match=r"CC0-1\.0, none"):
        ensemble_bundles([licensed, other], "both", {"licence": ""})
    joint = ensemble_bundles([licensed, other], "both", {"licence": "MIT"})
    assert joint.provenance["licence"] == "MIT"


def test_by_command(licensed, other, voices, tmp_path, capsys):
    folders = [tmp_path / "one", tmp_path / "two"]
    (tmp_path / "weights").write_bytes(b"weights of the first")
    write_bundle(licensed, folders[0], weights=tmp_path / "weights")
    write_bundle(other, folders[1])
    credits = [
        AttributionRow(f"r{n}", f"XC{n}", f"https://a.org/{n}", "Somebody", "CC0") for n in range(3)
    ]
    write_table(folders[1] / "attribution.csv", AttributionRow, credits[1:])
    out = tmp_path / "joint"
    words = ["join", *map(str, folders), "--out"]
    assert main([*words, str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == [
        f"bundle: {out}, of 2 networks",
        f"next: birdsong classify RECORDING --bundle {out}",
    ]
    assert (out / WEIGHTS).read_bytes() == b"weights of the first"
    assert read_attribution(out) == credits[1:]
    assert read_bundle(out).name == "joint"
    assert "learned_from" not in read_bundle(out).provenance, "of one it is not known"
    recording = voices[0] / voices[1][0].file
    assert main(["classify", str(recording), "--bundle", str(out)]) == 0
    assert "Gravis" in capsys.readouterr().out

    write_table(folders[0] / "attribution.csv", AttributionRow, credits[:2])
    assert main([*words, str(tmp_path / "known")]) == 0
    capsys.readouterr()
    assert read_attribution(tmp_path / "known") == credits
    learned_from = read_bundle(tmp_path / "known").provenance["learned_from"]
    assert learned_from == {"recordings": 3, "sessions": len(other.sessions)}

    assert main([*words, str(out)]) == 2
    assert "bundle.json (and 6 more): already exists; nothing was" in capsys.readouterr().err
    assert main([*words, str(out), "--replace"]) == 0
    assert read_bundle(out).name == "joint"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sessions.csv").write_text("mine")
    assert main([*words, str(tmp_path / "mine")]) == 2, "a folder of something else"
    assert "sessions.csv: already exists" in capsys.readouterr().err
    assert main(["join", str(folders[0]), "--out", str(tmp_path / "alone")]) == 2
    assert "expected at least two bundles, got 1" in capsys.readouterr().err
