"""The bundle: a round trip, and everything that must be refused."""

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import onnx
import pytest

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle_files import READABLE_VERSIONS, read_bundle, write_bundle
from birdsong.bundle.pooling import DEFAULT_POOLING, pool
from birdsong.bundle.seal import sealed
from birdsong.errors import BundleError, TaxonomyError
from birdsong.sound.spectrogram import SpectrogramConfig


@pytest.fixture
def copy(bundle_dir, tmp_path):
    return shutil.copytree(bundle_dir, tmp_path / "bundle")


def edit(folder, **changes):
    """Change fields of a description, and seal it again; what becomes `...` is left out."""
    path = folder / "bundle.json"
    changed = {**json.loads(path.read_text()), **changes, "seal": ...}
    path.write_bytes(sealed({name: each for name, each in changed.items() if each is not ...}))


def test_round_trip(bundle_dir, tmp_path):
    bundle = read_bundle(bundle_dir)
    write_bundle(bundle, tmp_path / "copy")
    again = read_bundle(tmp_path / "copy")
    np.testing.assert_array_equal(again.filters, bundle.filters)
    assert again.taxonomy.to_rows() == bundle.taxonomy.to_rows()
    for name in {field.name for field in fields(bundle)} - {"filters", "taxonomy", "folder"}:
        assert getattr(again, name) == getattr(bundle, name), name
    assert again.fingerprint == bundle.fingerprint


def test_not_a_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"is no bundle, it holds no bundle\.json"):
        read_bundle(tmp_path)
    with pytest.raises(BundleError, match="absent: is no bundle"):
        read_bundle(tmp_path / "absent")


@pytest.mark.parametrize("name", ["model.onnx", "mel_filters.npy", "sessions.csv"])
def test_one_altered_byte_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=rf"{name}: is not the file that the bundle was made"):
        read_bundle(copy)


def test_one_altered_byte_of_the_description_is_refused(copy):
    path = copy / "bundle.json"
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    places = {*generator.integers(0, len(content), 200).tolist(), len(content) - 1}
    version = content.index(b'"format_version": ') + len(b'"format_version": ')
    for place in sorted({*places, version}):
        for bit in (1, 2, 32):
            altered = bytearray(content)
            altered[place] ^= bit
            path.write_bytes(altered)
            with pytest.raises(BundleError, match=r"bundle\.json: "):
                read_bundle(copy)
    path.write_bytes(content + b" ")
    with pytest.raises(
        BundleError, match="was altered since it was written; copy the bundle again"
    ):
        read_bundle(copy)
    path.write_bytes(content)
    read_bundle(copy)


def test_altered_weights_are_refused(copy):
    (copy / "weights.weights.h5").write_bytes(b"weights")
    listed = json.loads((copy / "bundle.json").read_text())["files"]
    edit(copy, files={**listed, "weights.weights.h5": {"bytes": 7, "sha256": "another"}})
    with pytest.raises(BundleError, match=r"weights\.weights\.h5: is not the file"):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["model.onnx", "mel_filters.npy", "sessions.csv"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: cannot be read"):
        read_bundle(copy)


def test_a_bundle_of_version_1_is_one_without_calibration(copy):
    edit(copy, format_version=1, calibration=...)
    bundle = read_bundle(copy)
    assert bundle.calibration is None
    assert bundle.calibration_data is None


def test_a_calibration_that_was_altered_or_fits_nothing(calibrated_dir, tmp_path):
    copy = shutil.copytree(calibrated_dir, tmp_path / "bundle")
    described = json.loads((copy / "bundle.json").read_text())["calibration"]
    edit(copy, calibration={**described, "pooling": "median"})
    with pytest.raises(BundleError, match=r"damaged .*unknown rule to pool segments by: 'median'"):
        read_bundle(copy)
    edit(copy, calibration={})
    assert read_bundle(copy).calibration is None
    edit(copy, calibration={"pooling": "mean_logits"})
    with pytest.raises(BundleError, match="lacks the field 'temperatures'"):
        read_bundle(copy)
    edit(copy, calibration=described)
    (copy / "calibration.npz").write_bytes(b"another file")
    with pytest.raises(BundleError, match=r"calibration.npz: is not the file"):
        read_bundle(copy)
    bundle = read_bundle(calibrated_dir)
    data = bundle.calibration_data
    of_two = replace(data, logits=data.logits[:, :2], y_true=0 * data.y_true)
    write_bundle(replace(bundle, calibration_data=of_two), tmp_path / "other")
    with pytest.raises(BundleError, match="calibration of 2 labels for 3"):
        read_bundle(tmp_path / "other")


def test_bundles_of_before_had_no_seal(copy):
    path = copy / "bundle.json"
    for version in READABLE_VERSIONS[:-1]:
        edit(copy, format_version=version)
        described = json.loads(path.read_text())
        del described["seal"]
        path.write_text(json.dumps(described))
        read_bundle(copy)


def test_another_version_says_what_to_do(copy):
    edit(copy, format_version=99)
    with pytest.raises(BundleError, match="expected format version 1 to 3, got 99; train it again"):
        read_bundle(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": []}, "damaged"),
        ({"labels": [{"taxon": "Gravis", "rank": "species"}]}, "is a genus, not a species"),
        ({"labels": [{"taxon": "Corvus corax", "rank": "species"}]}, "Corvus corax"),
        ({"taxonomy": [{"rank": "kingdom", "name": "Animalia"}]}, "damaged"),
        ({"spectrogram": {}}, "damaged"),
        ({"files": {}}, "lacks the field"),
        ({"step_s": None}, "damaged"),
        ({"labels": [{"english\nname\x1b[2J": ""}]}, "unexpected keyword argument 'english name"),
    ],
)
def test_a_description_that_fits_nothing(copy, changes, message):
    edit(copy, **changes)
    with pytest.raises(BundleError, match=message) as raised:
        read_bundle(copy)
    assert str(raised.value).isprintable(), "one line, whatever was in the file"


def test_text_instead_of_json(copy):
    (copy / "bundle.json").write_text("not json")
    with pytest.raises(BundleError, match="cannot be read as JSON"):
        read_bundle(copy)


def test_images_of_another_kind_are_refused(bundle_dir):
    bundle = read_bundle(bundle_dir)
    bundle.require_images(bundle.spectrogram, "images")
    other = SpectrogramConfig(f_min_hz=300.0)
    with pytest.raises(BundleError, match=r"images: its images have fingerprint \w+, but bundle"):
        bundle.require_images(other, "images")


@pytest.mark.parametrize(
    ("type_", "shape"),
    [(onnx.TensorProto.FLOAT, [None, 64, 200, 1]), (onnx.TensorProto.UINT8, [None, 96, 511, 1])],
)
def test_a_network_made_for_another_image(bundle_dir, type_, shape):
    images = onnx.helper.make_tensor_value_info("images", type_, shape)
    logits = onnx.helper.make_tensor_value_info("logits", type_, shape)
    node = onnx.helper.make_node("Identity", ["images"], ["logits"])
    graph = onnx.helper.make_graph([node], "other", [images], [logits])
    opset = [onnx.helper.make_opsetid("", 15)]
    other = onnx.helper.make_model(graph, ir_version=8, opset_imports=opset).SerializeToString()
    with pytest.raises(BundleError, match=r"made for another image: expected uint8 \(n, 64"):
        Classifier(replace(read_bundle(bundle_dir), model_onnx=other))


def test_a_network_that_does_not_fit_its_labels(bundle_dir):
    bundle = read_bundle(bundle_dir)
    with pytest.raises(BundleError, match="outputs for 2 labels"):
        Classifier(replace(bundle, labels=bundle.labels[:2]))
    with pytest.raises(BundleError, match="its network cannot be loaded"):
        Classifier(replace(bundle, model_onnx=b"no network"))


def test_without_a_calibration_segments_are_pooled_by_default_and_nothing_is_tempered(bundle_dir):
    bundle = read_bundle(bundle_dir)
    assert bundle.calibration is None
    assert bundle.promises() is None
    n_labels = len(bundle.bird_labels)
    logits = np.zeros((2, len(bundle.labels)), np.float32)
    logits[:, 0] = [3, 0]
    by_default = pool(logits, has_background=bundle.has_background, rule=DEFAULT_POOLING)
    np.testing.assert_array_equal(bundle.pool(logits).labels, by_default.labels)
    probabilities = np.arange(1.0, n_labels + 1) / np.arange(1.0, n_labels + 1).sum()
    found = bundle.label_tree().label_probabilities(probabilities)
    np.testing.assert_array_equal(found, probabilities)


def test_a_calibration_sets_the_pooling_the_temperatures_and_the_promises(calibrated_dir):
    bundle = read_bundle(calibrated_dir)
    data = bundle.calibration_data
    other = replace(bundle.calibration, pooling="noisy_or", temperatures={"species": 2.0})
    bundle = replace(bundle, calibration=other)
    assert bundle.promises() == other.promises
    own = data.segments[0]
    one = bundle.pool(data.logits[own], signal_level_db=data.signal_level_db[own])
    expected = pool(
        data.logits[own],
        has_background=bundle.has_background,
        signal_level_db=data.signal_level_db[own],
        rule="noisy_or",
    )
    np.testing.assert_array_equal(one.labels, expected.labels)
    labels, bird = bundle.pool_recordings(data)
    np.testing.assert_array_equal(labels[0], expected.labels)
    assert bird[0] == expected.bird
    roots = np.sqrt(expected.labels)
    found = bundle.label_tree().label_probabilities(expected.labels)
    np.testing.assert_allclose(found, roots / roots.sum())


def test_promises_of_a_list_are_fitted_to_its_recordings(calibrated_dir):
    bundle = read_bundle(calibrated_dir)
    first, *others = (label.taxon for label in bundle.bird_labels)
    mask = bundle.allowed_mask({*others})
    n_allowed = int((bundle.calibration_data.y_true > 0).sum())
    assert 0 < n_allowed < len(bundle.calibration_data)
    assert bundle.promises(mask).n_recordings == n_allowed
    assert bundle.promises().n_recordings == len(bundle.calibration_data)
    with pytest.raises(
        TaxonomyError, match=f"'Aves' is on the list, but is no label of bundle '{bundle.name}'"
    ):
        bundle.allowed_mask({first, "Aves"})
