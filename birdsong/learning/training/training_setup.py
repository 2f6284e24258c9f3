"""Sets up a training: the network, its loss, its optimizer and its batch loaders."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.data.pretrained_bundle import read_pretrained
from birdsong.learning.data.split import Split
from birdsong.learning.models.auxiliary_heads import with_auxiliary_classes, with_auxiliary_heads
from birdsong.learning.models.gradient_checkpointing import GradientCheckpointing
from birdsong.learning.models.pretrained import (
    load_pretrained_weights,
    match_model_config,
    require_model,
)
from birdsong.learning.models.registry import BuiltModel, build_model
from birdsong.learning.training.devices import pad_batches
from birdsong.learning.training.distillation import DistilledModel
from birdsong.learning.training.losses import build_loss
from birdsong.learning.training.schedules import LearningRate
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.batch_loader import Batch, BatchLoader
from birdsong.loading.loader_config import LoaderConfig


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """A compiled model and its batch loaders.

    Attributes
    ----------
    network : keras.Model
        The network that is exported, with a column of logits for each label.
    model_with_auxiliary : keras.Model
        The network with further columns for the auxiliary classes; the network itself without any.
    model : keras.Model
        The compiled model that is trained. It wraps `model_with_auxiliary`, according to the config
        with auxiliary heads, gradient checkpointing and distillation.
    train_loader : BatchLoader
    validation_loader : BatchLoader or None
        None without a validation split.
    n_devices : int
        Devices that share each batch equally.
    train_batch_multiple : int
        Training batches are padded to a multiple of it.
    """

    network: keras.Model
    model_with_auxiliary: keras.Model
    model: keras.Model
    train_loader: BatchLoader
    validation_loader: BatchLoader | None
    n_devices: int
    train_batch_multiple: int

    def train_batches(self, first_epoch: int = 0) -> Generator[Batch, None, None]:
        """Training batches of endless epochs."""
        return pad_batches(self.train_loader.forever(first_epoch), self.train_batch_multiple)

    def validation_batches(self) -> Generator[Batch, None, None] | None:
        """Validation batches of endless epochs; None without a validation split."""
        if self.validation_loader is None:
            return None
        return pad_batches(self.validation_loader.forever(), self.n_devices)


def with_pretrained_model(config: TrainingConfig) -> TrainingConfig:
    """Use the model settings of the pretrained bundle, if there is one.

    Raises
    ------
    BundleError
        As `read_pretrained` does.
    ConfigError
        If the config asks for another network.
    """
    if not config.dataset.pretrained:
        return config
    pretrained = read_pretrained(Path(config.dataset.pretrained))
    return replace(config, model=match_model_config(config.model, pretrained))


def build_network(store: ImageStore, dataset: Dataset, config: TrainingConfig) -> BuiltModel:
    """Build the network of a config, with random weights, for the image shape of a store."""
    n_labels = len(dataset.labels)
    return build_model(config.model.name, n_labels, config.model, store.config.shape)


def build_with_auxiliary(built: BuiltModel, dataset: Dataset) -> BuiltModel:
    """Add the auxiliary classes of a dataset to a network, if there are any."""
    n_auxiliary = len(dataset.auxiliary_labels)
    return with_auxiliary_classes(built, n_auxiliary) if n_auxiliary else built


def build_training_setup(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    learning_rate_fn: Callable[[int], LearningRate],
    teachers: Sequence[keras.Model] = (),
) -> TrainingSetup:
    """Build and compile the model, and its batch loaders; call it within `devices.device_scope`.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
    config : TrainingConfig
    learning_rate_fn : callable
        Takes the number of batches of an epoch, returns the learning rate.
    teachers : sequence of keras.Model
        Trained on the same dataset, with its auxiliary classes.

    Returns
    -------
    TrainingSetup

    Raises
    ------
    ConfigError
        If the loss needs a rank above the labels, and there is none; or if the pretrained bundle
        has another network.
    DatasetError
        If there is no training image.
    """
    built = build_network(store, dataset, config)
    if (pretrained := dataset.pretrained) is not None:
        require_model(config.model, pretrained)
        n_pretrained = len(pretrained.bundle.labels)
        source = build_model(config.model.name, n_pretrained, config.model, store.config.shape)
        load_pretrained_weights(built, dataset.labels, source, pretrained)
    levels = label_levels(dataset.learned_labels, dataset.learned_taxonomy)
    n_labels = len(dataset.labels)
    n_columns = levels.n_columns if dataset.partial.rows else len(dataset.learned_labels)
    train_loader = _batch_loader(store, dataset.full_train, n_columns, config, training=True)
    built_with_auxiliary = with_heads = build_with_auxiliary(built, dataset)
    if config.loss.name == "auxiliary":
        with_heads = with_auxiliary_heads(with_heads, levels)
    model = with_heads.network
    if config.gradient_checkpointing:
        model = GradientCheckpointing(model, with_heads.checkpoint_layers)
    if teachers:
        model = DistilledModel(model, teachers, config.distillation.teacher_share)
    optimizer = config.optimizer
    use_ema = optimizer.ema_momentum > 0
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate_fn(len(train_loader)),
            weight_decay=optimizer.weight_decay,
            use_ema=use_ema,
            ema_momentum=optimizer.ema_momentum if use_ema else 0.99,
        ),
        loss=build_loss(config.loss, levels, partial_labels=config.dataset.partial_labels),
        metrics=[
            _LabelAccuracy(n_labels, keras.metrics.categorical_accuracy, name="top1"),
            _LabelAccuracy(n_labels, keras.metrics.top_k_categorical_accuracy, name="top5", k=5),
        ],
    )
    return TrainingSetup(
        network=built.network,
        model_with_auxiliary=built_with_auxiliary.network,
        model=model,
        train_loader=train_loader,
        validation_loader=(
            _batch_loader(store, dataset.validation, n_columns, config, training=False)
            if dataset.validation.rows
            else None
        ),
        n_devices=config.n_devices,
        train_batch_multiple=_train_batch_multiple(config),
    )


def _train_batch_multiple(config: TrainingConfig) -> int:
    """Make all batches equally large on JAX, which compiles the training again for each size."""
    if keras.backend.backend() != "jax":
        return config.n_devices
    return -(-config.batch_size // config.n_devices) * config.n_devices


class _LabelAccuracy(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]
    """Accuracy over the columns of the labels, of images that have a label."""

    def __init__(self, n_labels: int, accuracy: Callable[..., Any], **options: Any) -> None:
        super().__init__(accuracy, **options)
        self._n_labels = n_labels

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update with the columns of the labels, which are first."""
        label_targets = y_true[:, : self._n_labels]
        has_label = keras.ops.sum(label_targets, axis=1) > 0.5
        return super().update_state(label_targets, y_pred[:, : self._n_labels], has_label)


def _batch_loader(
    store: ImageStore, split: Split, n_columns: int, config: TrainingConfig, *, training: bool
) -> BatchLoader:
    return BatchLoader(
        store,
        split.rows,
        split.label_indices,
        n_labels=n_columns,
        config=LoaderConfig(
            batch_size=config.batch_size,
            n_threads=config.n_threads,
            seed=config.seed,
            shuffle=training,
            sampling=config.sampling if training else "plain",
            augmentation=config.augmentation if training else None,
        ),
        background_rows=[row for row in split.rows if row.kind == "background"] if training else [],
    )
