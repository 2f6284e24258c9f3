"""Losses that know the tree, held to naive references; and trainings with each of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.bundle.bundle_files import WEIGHTS, read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.models.registry import ModelConfig, build_model
from birdsong.learning.training.listener import TrainingListener
from birdsong.learning.training.loss_config import LOSSES, LossConfig
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.lineage import DEPTH, Lineage
from birdsong.taxa.taxonomy import Taxonomy
from tests.conftest import few_layers
from tests.learning.changed import changed
from tests.taxa.trees import NESTED, THRUSHES, shapes, species_tree

LABELS = [*NESTED, BACKGROUND]
"""Two thrushes, any other *Turdus*, a magpie, an owl, and no bird."""

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def losses(tensorflow):
    """The module, imported when a test needs it."""
    from birdsong.learning.training import losses

    return losses


@pytest.fixture(scope="module")
def with_auxiliary_heads(tensorflow):
    """The function, imported when a test needs it."""
    from birdsong.learning.models.auxiliary_heads import with_auxiliary_heads

    return with_auxiliary_heads


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def path(label, taxonomy=THRUSHES):
    """From all that is heard down to a label by itself, which no other label's path holds."""
    if label == BACKGROUND:
        return ["all", "no bird"]
    return ["all", *(taxon.name for taxon in taxonomy.path(label.taxon)), f"only {label.taxon}"]


def steps(label):
    """The path with a node at each of six depths: what ends early goes on by itself."""
    names = path(label)
    lowest = names.pop() if label.rank == "genus" or label == BACKGROUND else names.pop(-2)
    return [*names[:5], *[lowest] * (6 - len(names[:5]))]


def batch(n_labels, seed, n=5, scale=3.0):
    """Logits, and targets of which half are mixed."""
    generator = np.random.default_rng(seed)
    logits = scale * generator.standard_normal((n, n_labels))
    one_hot = np.eye(n_labels)[generator.integers(0, n_labels, n)]
    share = np.where(np.arange(n) % 2, 0.7, 1.0)[:, np.newaxis]
    targets = share * one_hot + (1 - share) * np.roll(one_hot, 1, axis=0)
    return logits.astype(np.float32), targets.astype(np.float32)


def test_groups_of_nested_labels_and_the_background():
    levels = label_levels(LABELS, THRUSHES)
    assert levels.ranks == ("species", "genus", "family", "order", "class", "")
    together = [
        {frozenset(np.flatnonzero(row == group).tolist()) for group in row} for row in levels.groups
    ]
    one, two, turdus, magpie, owl, none = range(6)
    assert together == [
        {frozenset([i]) for i in range(6)},
        {frozenset([one, two, turdus]), *(frozenset([i]) for i in (magpie, owl, none))},
        {frozenset([one, two, turdus]), *(frozenset([i]) for i in (magpie, owl, none))},
        {frozenset([one, two, turdus, magpie]), frozenset([owl]), frozenset([none])},
        {frozenset([one, two, turdus, magpie, owl]), frozenset([none])},
        {frozenset(range(6))},
    ]
    assert levels.ranks_above == {"genus": 1, "family": 2, "order": 3}


def test_distances_are_heights_of_the_lowest_common_ancestor():
    distances = label_levels(LABELS, THRUSHES).distances()
    for i, one in enumerate(LABELS):
        for j, other in enumerate(LABELS):
            if i == j:
                height = 0
            elif BACKGROUND in (one, other):
                height = 5
            else:
                common = THRUSHES.lowest_common_ancestor([one.taxon, other.taxon])
                height = 4 - DEPTH[common.rank]
            assert distances[i, j] == pytest.approx(height / 5), (one.taxon, other.taxon)


def test_a_family_that_is_not_known_parts_nothing():
    tree = Taxonomy.from_lineages(
        Lineage(order="A", genus=genus, species=f"{genus} {epithet}")
        for genus, epithet in [("Ba", "one"), ("Ba", "two"), ("Ca", "one")]
    )
    species = ["Ba one", "Ba two", "Ca one"]
    levels = label_levels([Label(taxon=name, rank="species") for name in species], tree)
    assert levels.groups.tolist() == [[0, 1, 2], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


@given(seeds, st.floats(0, 3), st.sampled_from([0.0, 0.1]))
def test_hierarchical_is_the_weighed_path(losses, seed, alpha, smoothing):
    logits, targets = batch(len(LABELS), seed)
    probabilities = softmax(logits.astype(np.float64))
    paths = [steps(label) for label in LABELS]
    expected = np.zeros(len(logits))
    smoothed = targets * (1 - smoothing) + smoothing / len(LABELS)
    for i, own in enumerate(paths):
        for depth in range(1, 6):
            part, whole = (
                probabilities[:, [other[d] == own[d] for other in paths]].sum(axis=1)
                for d in (depth, depth - 1)
            )
            weight = np.exp(-alpha * (depth - 1))
            expected -= weight * smoothed[:, i] * np.log(part / whole)
    loss = losses.hierarchical_cross_entropy(
        label_levels(LABELS, THRUSHES), alpha=alpha, label_smoothing=smoothing
    )
    np.testing.assert_allclose(loss(targets, logits), expected, rtol=1e-4, atol=1e-5)


@given(seeds, st.floats(0.1, 2), st.sampled_from([0.0, 0.1]))
def test_auxiliary_adds_the_entropy_of_each_head(losses, seed, weight, smoothing):
    levels = label_levels(LABELS, THRUSHES)
    sizes = (6, 4, 4, 3)
    said, _ = batch(sum(sizes), seed)
    _, targets = batch(len(LABELS), seed)
    expected = np.zeros(len(said))
    for height, logits in enumerate(np.split(said, np.cumsum(sizes)[:-1], axis=1)):
        log_probabilities = np.log(softmax(logits.astype(np.float64)))
        for group in range(sizes[height]):
            own = targets[:, levels.groups[height] == group].sum(axis=1)
            own = own * (1 - smoothing) + smoothing / sizes[height]
            expected -= (weight if height else 1) * own * log_probabilities[:, group]
    loss = losses.auxiliary_cross_entropy(levels, weight=weight, label_smoothing=smoothing)
    np.testing.assert_allclose(loss(targets, said), expected, rtol=1e-4, atol=1e-5)


def test_what_is_known_above_the_labels_is_a_sum(losses):
    """One image for each column past the labels', and one that is mixed of two of them."""
    levels = label_levels(LABELS, THRUSHES)
    assert levels.first_columns == {0: 0, 1: 6, 2: 10, 3: 14}
    assert levels.n_columns == 17
    targets = np.eye(17, dtype=np.float32)[6:]
    targets = np.concatenate([targets, 0.5 * (targets[:1] + targets[9:10])])
    said, _ = batch(17, seed=3, n=len(targets), scale=2.0)
    logits = said[:, :6]
    probabilities = softmax(logits.astype(np.float64))
    whole, by_step, by_head = (np.zeros((len(targets), 17)) for _ in range(3))
    for column in range(17):
        height = max(h for h, first in levels.first_columns.items() if first <= column)
        member = np.flatnonzero(levels.groups[height] == column - levels.first_columns[height])[0]
        sums = [
            probabilities[:, levels.groups[h] == levels.groups[h, member]].sum(axis=1)
            for h in range(6)
        ]
        whole[:, column] = -np.log(sums[height])
        for h in range(height, 5):
            by_step[:, column] -= np.exp(-0.5 * (4 - h)) * np.log(sums[h] / sums[h + 1])
        for h in range(max(height, 1), 4):
            first, size = levels.first_columns[h], levels.sizes[h]
            head = softmax(said[:, first : first + size].astype(np.float64))
            by_head[:, column] -= 0.3 * np.log(head[:, levels.groups[h, member]])
    for loss, columns, expected in (
        (losses.cross_entropy(levels), logits, whole),
        (losses.hierarchical_cross_entropy(levels, alpha=0.5), logits, by_step),
        (losses.auxiliary_cross_entropy(levels, weight=0.3), said, whole + by_head),
    ):
        np.testing.assert_allclose(
            loss(targets, columns), (targets * expected).sum(axis=1), rtol=1e-4, atol=1e-5
        )


@given(seeds)
def test_columns_that_nothing_is_in_change_nothing(losses, seed):
    levels = label_levels(LABELS, THRUSHES)
    said, _ = batch(levels.n_columns, seed)
    _, targets = batch(6, seed)
    wide = np.concatenate([targets, np.zeros((len(targets), 11), np.float32)], axis=1)
    for name in LOSSES:
        config = LossConfig(name=name)
        columns = said if name == "auxiliary" else said[:, :6]
        np.testing.assert_allclose(
            losses.build_loss(config, levels)(targets, columns).numpy().mean(),
            losses.build_loss(config, levels, partial_labels=True)(wide, columns).numpy().mean(),
            rtol=1e-5, err_msg=name,
        )  # fmt: skip


def test_a_genus_does_not_tell_its_species_apart(losses, tensorflow):
    levels = label_levels(LABELS, THRUSHES)
    logits = tensorflow.constant([[1.0, 0.0, -1.0, 2.0, 0.5, 0.0]])
    genus = np.zeros((1, levels.n_columns), np.float32)
    genus[0, levels.first_columns[1] + levels.groups[1, 0]] = 1
    with tensorflow.GradientTape() as tape:
        tape.watch(logits)
        value = losses.cross_entropy(levels, label_smoothing=0.1)(genus, logits)
    gradient = tape.gradient(value, logits).numpy()[0]
    assert (gradient[:3] < 0).all()
    assert (gradient[3:] > 0).all()
    shares = gradient[:3] / softmax(logits.numpy()[0, :3])
    np.testing.assert_allclose(shares, shares[0], rtol=1e-4)


@given(shapes, seeds, st.booleans())
def test_without_weights_hierarchical_is_cross_entropy(losses, shape, seed, background):
    taxonomy, labels = species_tree(shape)
    labels = [*labels, *([BACKGROUND] if background else [])]
    levels = label_levels(labels, taxonomy)
    logits, targets = batch(len(labels), seed)
    expected = -(targets * np.log(softmax(logits.astype(np.float64)))).sum(axis=1)
    loss = losses.hierarchical_cross_entropy(levels, alpha=0)
    np.testing.assert_allclose(loss(targets, logits), expected, rtol=1e-4, atol=1e-5)


def every_loss(losses, levels):
    """Each loss of the tree as a function of targets and the logits of the labels alone."""
    heads = losses.auxiliary_cross_entropy(levels, weight=0.5)

    def auxiliary(targets, logits):
        sums = losses.group_logsumexp(logits, levels)
        heights = [0, *levels.ranks_above.values()]
        return heads(targets, np.concatenate([sums[h] for h in heights], axis=1))

    return {
        "hierarchical": losses.hierarchical_cross_entropy(levels, alpha=0.5),
        "auxiliary": auxiliary,
    }


@given(shapes, seeds)
def test_the_order_of_labels_does_not_matter(losses, shape, seed):
    taxonomy, labels = species_tree(shape)
    genus = Label(taxon="Genus0", rank="genus")
    labels = [*labels, genus, BACKGROUND]
    logits, targets = batch(len(labels), seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    ordered = every_loss(losses, label_levels([labels[i] for i in order], taxonomy))
    for name, loss in every_loss(losses, label_levels(labels, taxonomy)).items():
        np.testing.assert_allclose(
            loss(targets, logits), ordered[name](targets[:, order], logits[:, order]),
            rtol=1e-4, atol=1e-5, err_msg=name,
        )  # fmt: skip


@given(seeds)
def test_nothing_is_better_than_to_be_certain_of_the_right_label(losses, seed):
    levels = label_levels(LABELS, THRUSHES)
    logits, _ = batch(len(LABELS), seed, n=len(LABELS))
    targets = np.eye(len(LABELS), dtype=np.float32)
    for name, loss in every_loss(losses, levels).items():
        best = 60 * targets
        assert (loss(targets, best) <= loss(targets, logits)).numpy().all(), name
        np.testing.assert_allclose(loss(targets, best), 0, atol=1e-6)


def test_hierarchical_forgives_the_near_mistake(losses):
    levels = label_levels(LABELS, THRUSHES)
    blackbird = np.tile(np.eye(6, dtype=np.float32)[0], (6, 1))
    sure = 8 * np.eye(6, dtype=np.float32)
    loss = losses.hierarchical_cross_entropy(levels, alpha=1)
    right, other, genus, magpie, owl, none = loss(blackbird, sure).numpy()
    assert right < other == pytest.approx(genus)
    assert other < magpie < owl < none


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_gradients_stay_finite(losses, tensorflow, size):
    levels = label_levels(LABELS, THRUSHES)
    targets = np.eye(6, dtype=np.float32)
    said = tensorflow.constant(
        np.random.default_rng(0).choice([-size, 0, size], (6, 6 + 4 + 4 + 3)).astype(np.float32)
    )
    for name in LOSSES:
        loss = losses.build_loss(LossConfig(name=name), levels)
        columns = said if name == "auxiliary" else said[:, :6]
        with tensorflow.GradientTape() as tape:
            tape.watch(columns)
            value = tensorflow.reduce_mean(loss(targets, columns))
        assert np.isfinite(value), name
        gradient = tape.gradient(value, columns).numpy()
        assert np.isfinite(gradient).all(), name
        assert gradient.any(), name


def test_a_label_that_seems_impossible_is_still_taught(losses, tensorflow):
    """Sums that underflow would leave it without a gradient."""
    loss = losses.hierarchical_cross_entropy(label_levels(LABELS, THRUSHES), alpha=0.5)
    logits = tensorflow.constant([[-1000.0, -1000, -1000, 0, 0, 0]])
    with tensorflow.GradientTape() as tape:
        tape.watch(logits)
        value = loss(np.eye(6, dtype=np.float32)[:1], logits)
    assert tape.gradient(value, logits).numpy()[0, :3].sum() < -0.1


def test_orders_have_no_rank_above(with_auxiliary_heads):
    levels = label_levels([Label(taxon="Passeriformes", rank="order")], THRUSHES)
    with pytest.raises(ConfigError, match="a rank above the labels, but they are orders; choose"):
        with_auxiliary_heads(None, levels)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "hinge", "loss must be one of cross-entropy, hierarchical, auxiliary, got 'hi"),
        (
            "name",
            "soft-labels",
            "'soft-labels' was removed, since .*; use birdsong 0.1",
        ),
        ("label_smoothing", 1.0, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ("hierarchical_alpha", -1.0, "must be finite and 0 or greater, got -1.0"),
        ("auxiliary_weight", float("nan"), "auxiliary_weight must be finite .* got nan"),
    ],
)
def test_config_out_of_range(field, value, message):
    with pytest.raises(ConfigError, match=message):
        LossConfig(**{field: value})


@pytest.fixture(scope="module")
def config():
    dataset = DatasetConfig(validation_share=0.2, test_share=0.2)
    return changed(dataset=dataset, epochs=2, batch_size=16, dropout=0.2)


@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical"])
def test_two_epochs(loss, images, config, tmp_path, small_network):
    from birdsong.learning.training.fit import fit_network

    store = open_store(images)
    dataset = build_dataset(store, config.dataset)
    config = changed(config, loss=loss)
    model, epochs = fit_network(store, dataset, config, tmp_path)
    assert model.output_shape == (None, len(dataset.labels))
    assert len(epochs) == 2
    assert all(np.isfinite([epoch["loss"], epoch["val_loss"]]).all() for epoch in epochs)
    assert json.loads((tmp_path / "run.json").read_text())["config"]["loss"]["name"] == loss


@pytest.mark.parametrize("loss", ["cross-entropy", "auxiliary"])
def test_partly_named_recordings_take_part(loss, images, config, tmp_path, small_network):
    from birdsong.learning.training.fit import fit_network

    store = open_store(images)
    unnamed = {f"Acutus_{name}_{i}.wav" for name in ("surgens", "summus") for i in (0, 1)}
    rows = [replace(row, species="") if row.recording in unnamed else row for row in store.rows]
    store = replace(store, rows=tuple(rows))
    config = changed(
        config, loss=loss, epochs=1, dataset=replace(config.dataset, partial_labels=True)
    )
    dataset = build_dataset(store, config.dataset)
    assert set(dataset.partial.recordings) == unnamed
    model, epochs = fit_network(store, dataset, config, tmp_path)
    assert model.output_shape == (None, len(dataset.labels))
    assert np.isfinite([epochs[0]["loss"], epochs[0]["val_loss"]]).all()
    assert 0 <= epochs[0]["top1"] <= epochs[0]["top5"] <= 1
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["parts"]["partial"]["recordings"] == 4


def test_heads_are_gone_from_what_is_kept(images, config, tmp_path, small_network):
    """Stopped and resumed, the training ends as it would have, in a bundle without heads."""
    from birdsong.learning.training import fit
    from birdsong.learning.training.train import train

    store = open_store(images)
    dataset = build_dataset(store, config.dataset)
    config = changed(config, loss="auxiliary")
    whole, through = fit.fit_network(store, dataset, config, tmp_path / "through")

    def stop(epoch):
        if epoch["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(store, tmp_path / "run", config, listener=TrainingListener(on_epoch=stop))
    told = []
    train(
        store,
        tmp_path / "run",
        config,
        resume=True,
        listener=TrainingListener(on_epoch=told.append),
    )
    assert told[-1]["loss"] == pytest.approx(through[-1]["loss"], rel=1e-4)
    assert told[-1]["val_loss"] == pytest.approx(through[-1]["val_loss"], rel=1e-4)

    bundle = read_bundle(tmp_path / "run" / "bundle")
    plain = few_layers(len(bundle.labels))
    plain.load_weights(tmp_path / "run" / "bundle" / WEIGHTS)
    images = np.stack([store.read_image(row) for row in store.rows[::9]])
    logits = Network(bundle).logits(images)
    assert logits.shape == (len(images), len(bundle.labels))
    for network in (plain, whole):
        expected = np.asarray(network(images[..., np.newaxis]))
        np.testing.assert_allclose(logits, expected, atol=1e-3, rtol=1e-3)


def test_heads_train_the_features_of_the_network(with_auxiliary_heads, small_network):
    levels = label_levels(LABELS, THRUSHES)
    built = build_model("squeezenet", len(LABELS), ModelConfig(dropout=0.0))
    network, model = built.network, with_auxiliary_heads(built, levels).network
    assert model.output_shape == (None, 6 + 4 + 4 + 3)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 200, 1), np.uint8)
    np.testing.assert_allclose(model(images)[:, :6], network(images), atol=1e-6)
    before = network.get_weights()
    model.compile("sgd", loss=lambda targets, said: said[:, 6:])
    model.fit(images, np.zeros((2, 6)), verbose=0)
    moved = [(a != b).any() for a, b in zip(before, network.get_weights(), strict=True)]
    assert moved == [True, True, False, False], "the convolution below, not that of the labels"


def test_a_run_of_before_goes_on(images, config, tmp_path, small_network):
    from birdsong.learning.training.fit import fit_network
    from birdsong.learning.training.run_folder import check_same_run

    store = open_store(images)
    fit_network(store, build_dataset(store, config.dataset), replace(config, epochs=1), tmp_path)
    described = json.loads((tmp_path / "run.json").read_text())
    del described["config"]["loss"]
    del described["config"]["model"]["stem_freq_stride"]
    (tmp_path / "run.json").write_text(json.dumps(described))
    check_same_run(tmp_path, store, replace(config, epochs=1))
    with pytest.raises(ConfigError, match=r"loss\.name 'auxiliary' instead of 'cross-entropy'"):
        check_same_run(tmp_path, store, changed(config, epochs=1, loss="auxiliary"))
