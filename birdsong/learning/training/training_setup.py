"""A network, its loss, its optimizer and what it is fed: all that a training begins with."""

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
from birdsong.learning.training.devices import filled_up
from birdsong.learning.training.distillation import DistilledModel
from birdsong.learning.training.losses import loss_of
from birdsong.learning.training.schedules import LearningRate
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.batch_loader import Batch, BatchLoader
from birdsong.loading.loader_config import LoaderConfig


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """What a training begins with.

    Attributes
    ----------
    network : keras.Model
        A column for each label.
    model_with_auxiliary : keras.Model
        The network, with columns for what else is learned beside the labels.
    model : keras.Model
        What is trained, compiled: the learner, perhaps with heads beside it, perhaps computed so
        that it needs less memory, perhaps taught by others.
    train_feed : BatchLoader
    validation_feed : BatchLoader or None
        None where there is no validation part.
    n_devices : int
        Devices that share each batch, and get as many images each.
    train_multiple : int
        Batches to learn from are filled up to a multiple of it.
    """

    network: keras.Model
    model_with_auxiliary: keras.Model
    model: keras.Model
    train_feed: BatchLoader
    validation_feed: BatchLoader | None
    n_devices: int
    train_multiple: int

    def train_batches(self, first_epoch: int = 0) -> Generator[Batch, None, None]:
        """Feed epochs to learn from, without end."""
        return filled_up(self.train_feed.forever(first_epoch), self.train_multiple)

    def validation_batches(self) -> Generator[Batch, None, None] | None:
        """Feed the validation part again and again, if there is one."""
        if self.validation_feed is None:
            return None
        return filled_up(self.validation_feed.forever(), self.n_devices)


def with_pretrained_model(config: TrainingConfig) -> TrainingConfig:
    """Ask for a network like that of the pretrained bundle, if there is one.

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
    """Build the network that a config describes, for the images of a store, with random weights."""
    n_labels = len(dataset.labels)
    return build_model(config.model.name, n_labels, config.model, store.config.shape)


def build_with_auxiliary(built: BuiltModel, dataset: Dataset) -> BuiltModel:
    """Put the auxiliary classes of a dataset beside the labels of a network."""
    n_auxiliary = len(dataset.auxiliary_labels)
    return with_auxiliary_classes(built, n_auxiliary) if n_auxiliary else built


def build_training_setup(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    rate: Callable[[int], LearningRate],
    teachers: Sequence[keras.Model] = (),
) -> TrainingSetup:
    """Build a network and compile it; where it is to run on special hardware, within `hardware`.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
        Its training and validation parts and what is partly named.
    config : TrainingConfig
    rate : callable
        Takes the batches of an epoch, returns the learning rate.
    teachers : sequence of keras.Model
        Trained on the same dataset, auxiliary classes included.

    Returns
    -------
    TrainingSetup

    Raises
    ------
    ConfigError
        If the loss needs a rank above the labels, and there is none; or if the bundle to begin
        with has another network.
    DatasetError
        If there is no image to learn from.
    """
    built = build_network(store, dataset, config)
    if (pretrained := dataset.pretrained) is not None:
        require_model(config.model, pretrained)
        n_before = len(pretrained.bundle.labels)
        before = build_model(config.model.name, n_before, config.model, store.config.shape)
        load_pretrained_weights(built, dataset.labels, before, pretrained)
    levels = label_levels(dataset.learned_labels, dataset.learned_taxonomy)
    n_labels = len(dataset.labels)
    n_columns = levels.n_columns if dataset.partial.rows else len(dataset.learned_labels)
    train_feed = _feed(store, dataset.full_train, n_columns, config, training=True)
    built_with_auxiliary = with_heads = build_with_auxiliary(built, dataset)
    if config.loss.name == "auxiliary":
        with_heads = with_auxiliary_heads(with_heads, levels)
    model = with_heads.network
    if config.gradient_checkpointing:
        model = GradientCheckpointing(model, with_heads.checkpoint_layers)
    if teachers:
        model = DistilledModel(model, teachers, config.distillation.teacher_share)
    optimizer = config.optimizer
    averaged = optimizer.ema_momentum > 0
    model.compile(
        optimizer=keras.optimizers.AdamW(
            rate(len(train_feed)),
            weight_decay=optimizer.weight_decay,
            use_ema=averaged,
            ema_momentum=optimizer.ema_momentum if averaged else 0.99,
        ),
        loss=loss_of(config.loss, levels, partial_labels=config.dataset.partial_labels),
        metrics=[
            _OfLabels(n_labels, keras.metrics.categorical_accuracy, name="top1"),
            _OfLabels(n_labels, keras.metrics.top_k_categorical_accuracy, name="top5", k=5),
        ],
    )
    return TrainingSetup(
        network=built.network,
        model_with_auxiliary=built_with_auxiliary.network,
        model=model,
        train_feed=train_feed,
        validation_feed=(
            _feed(store, dataset.validation, n_columns, config, training=False)
            if dataset.validation.rows
            else None
        ),
        n_devices=config.n_devices,
        train_multiple=_train_multiple(config),
    )


def _train_multiple(config: TrainingConfig) -> int:
    """Let all batches be as large on JAX, which compiles the training anew for each size."""
    if keras.backend.backend() != "jax":
        return config.n_devices
    return -(-config.batch_size // config.n_devices) * config.n_devices


class _OfLabels(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]
    """An accuracy of what is said of the labels, over the images whose label is known."""

    def __init__(self, n_labels: int, accuracy: Callable[..., Any], **options: Any) -> None:
        super().__init__(accuracy, **options)
        self._n_labels = n_labels

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Look at the columns of the labels, which come first."""
        of_labels = y_true[:, : self._n_labels]
        known = keras.ops.sum(of_labels, axis=1) > 0.5
        return super().update_state(of_labels, y_pred[:, : self._n_labels], known)


def _feed(
    store: ImageStore, part: Split, n_columns: int, config: TrainingConfig, *, training: bool
) -> BatchLoader:
    return BatchLoader(
        store,
        part.rows,
        part.label_indices,
        n_labels=n_columns,
        config=LoaderConfig(
            batch_size=config.batch_size,
            n_threads=config.n_threads,
            seed=config.seed,
            shuffle=training,
            sampling=config.sampling if training else "plain",
            augmentation=config.augmentation if training else None,
        ),
        background_rows=[row for row in part.rows if row.kind == "background"] if training else [],
    )
