"""Networks and image sources of the training benchmark, and their timing.

A process trains one network with `Model.fit`, as `learning.training.fit` does, from one source
after the other, each for some seconds. Compiling and the first steps are not counted.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks import feed_images
from benchmarks.feed_alternatives import Job, keras_folder_data, tfrecord_data
from benchmarks.feed_loaders import image_loader
from benchmarks.peak_memory import peak_bytes
from birdsong.learning.models.registry import ModelConfig, build_model
from birdsong.learning.training.batch_iterator import BatchIterator
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.batch_loader import Batch, one_hot
from birdsong.loading.image_sources import open_source
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

# A training that is stopped within an epoch leaves threads of tf.data behind, which hang. So the
# time is checked between epochs of a few steps.
STEPS_PER_CHECK = 2
WARM_UP_S = 3.0  # at most, after the first check: until prefetched batches are ready
_NO_END = 10**9  # epochs


def _one_batch(scratch: Path, job: Job) -> Any:
    """Repeats one batch: an upper bound of the speed of a generator."""
    batch = _batch(scratch, job)
    return (batch for _ in itertools.count())


def _one_batch_tensor(scratch: Path, job: Job) -> Any:
    """Repeats one batch in `tf.data`: an upper bound of the speed of any source."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(_batch(scratch, job)).repeat().prefetch(tf.data.AUTOTUNE)


def _batch(scratch: Path, job: Job) -> Batch:
    numbers = np.arange(job.batch_size)
    images = open_source(feed_images.open_images(scratch)).read(numbers)[..., np.newaxis]
    targets = one_hot(feed_images.labels_of(numbers), feed_images.N_LABELS)
    return images, targets


def _png(scratch: Path, job: Job) -> Any:
    return image_loader(scratch, job, png=True).forever()


def _packed(scratch: Path, job: Job) -> Any:
    return image_loader(scratch, job).forever()


def _windows(scratch: Path, job: Job) -> Any:
    return image_loader(scratch, job, windows=True).forever()


def _keras_folder(scratch: Path, job: Job) -> Any:
    return _with_one_hot(keras_folder_data(scratch, job))


def _tfrecord(scratch: Path, job: Job) -> Any:
    return _with_one_hot(tfrecord_data(scratch, job))


def _with_one_hot(data: Any) -> Any:
    """Reshape images and one-hot encode labels of a `tf.data.Dataset`."""
    import tensorflow as tf

    def change(images: Any, labels: Any) -> Any:
        shaped = tf.reshape(images, (-1, *SPECTROGRAM_SHAPE, 1))
        return shaped, tf.one_hot(labels, feed_images.N_LABELS)

    return data.map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


SOURCES: dict[str, Callable[[Path, Job], Any]] = {
    "one batch in memory": _one_batch,
    "one batch in memory, tf.data": _one_batch_tensor,
    "birdsong, PNG": _png,
    "birdsong, packed": _packed,
    "birdsong, packed, by windows": _windows,
    "Keras, image_dataset_from_directory": _keras_folder,
    "tf.data, TFRecord": _tfrecord,
}
"""Sources of endless batches: generators or `tf.data.Dataset` objects."""


def _squeezenet(n_labels: int) -> keras.Model:
    return build_model("squeezenet", n_labels, ModelConfig()).network


def _vgg16(n_labels: int) -> keras.Model:
    return _keras_application(keras.applications.VGG16, n_labels)


def _resnet50(n_labels: int) -> keras.Model:
    return _keras_application(keras.applications.ResNet50, n_labels)


def _keras_application(build: Callable[..., keras.Model], n_labels: int) -> keras.Model:
    """Build a network for RGB images, with the grey channel repeated."""
    images = keras.Input((*SPECTROGRAM_SHAPE, 1), dtype="uint8")
    grey = layers.Rescaling(1.0 / 127.5, offset=-1.0)(images)
    network = build(
        weights=None,
        input_shape=(*SPECTROGRAM_SHAPE, 3),
        classes=n_labels,
        classifier_activation=None,
    )
    return keras.Model(images, network(layers.Concatenate()([grey, grey, grey])))


NETWORKS: dict[str, Callable[[int], keras.Model]] = {
    "SqueezeNet": _squeezenet,
    "VGG-16": _vgg16,
    "ResNet-50": _resnet50,
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """Speed and memory of a training.

    Attributes
    ----------
    images_per_s : float
    waiting_share : float or None
        Share of the time spent waiting for batches; None for `tf.data`, which does not measure it.
        TensorFlow requests a batch ahead, so that the network may train meanwhile.
    memory_mb : float
        Peak memory of the process so far, including mapped pages of files.
    """

    images_per_s: float
    waiting_share: float | None
    memory_mb: float

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps([self.images_per_s, self.waiting_share, self.memory_mb])

    @classmethod
    def from_json(cls, line: str) -> Throughput:
        """Read the line."""
        return cls(*json.loads(line))


class _Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops a training after some seconds, not counting the warm-up."""

    def __init__(self, seconds: float, batches: BatchIterator | None) -> None:
        super().__init__()
        self._seconds = seconds
        self._batches = batches
        self._began_s = 0.0
        self._started_s: float | None = None
        self._waited_s = 0.0
        self.n_steps = 0
        self.spent_s = 0.0
        self.waited_s = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the warm-up."""
        self._began_s = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """End the warm-up, or stop."""
        self._synchronize()
        now_s, waited_s = time.perf_counter(), self._batches.waited_s if self._batches else 0.0
        if self._started_s is None:
            if now_s - self._began_s >= min(WARM_UP_S, self._seconds):
                self._started_s, self._waited_s = now_s, waited_s
            return
        self.n_steps += STEPS_PER_CHECK
        self.spent_s, self.waited_s = now_s - self._started_s, waited_s - self._waited_s
        self.model.stop_training = self.spent_s >= self._seconds

    def _synchronize(self) -> None:
        """Wait for the device to finish its computations."""
        keras.ops.convert_to_numpy(self.model.optimizer.iterations.value)


def compile_network(network: str) -> keras.Model:
    """Build and compile a network with the defaults of `birdsong train`."""
    config = TrainingConfig()
    model = NETWORKS[network](feed_images.N_LABELS)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            config.optimizer.learning_rate, weight_decay=config.optimizer.weight_decay
        ),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.loss.label_smoothing
        ),
        metrics=["categorical_accuracy", keras.metrics.TopKCategoricalAccuracy(5)],
    )
    return model


def measure_training(
    model: keras.Model, source: str, scratch: Path, job: Job, seconds: float
) -> Throughput:
    """Train for some seconds and measure the speed.

    Parameters
    ----------
    model : keras.Model
        Compiled; it is trained further.
    source : str
        One of `SOURCES`.
    scratch : Path
        Folder with images in all formats, in whole batches.
    job : Job
    seconds : float
        Counted seconds; longer if two steps take longer.

    Returns
    -------
    Pace
    """
    batches = SOURCES[source](scratch, job)
    with ExitStack() as stack:
        is_generator = hasattr(batches, "close")
        watched = stack.enter_context(BatchIterator(batches)) if is_generator else None
        clock = _Clock(seconds, watched)
        model.fit(
            iter(watched) if watched else batches,
            steps_per_epoch=STEPS_PER_CHECK,
            epochs=_NO_END,
            callbacks=[clock],
            shuffle=False,
            verbose=0,
        )
    return Throughput(
        images_per_s=clock.n_steps * job.batch_size / clock.spent_s,
        waiting_share=min(1.0, clock.waited_s / clock.spent_s) if watched else None,
        memory_mb=peak_bytes() / 1e6,
    )


def main() -> None:
    """Run in the process that trains: read a network and its jobs, print a line for each."""
    request = json.loads(sys.argv[1])
    keras.utils.set_random_seed(0)
    model = compile_network(request["network"])
    for source, job in request["jobs"]:
        throughput = measure_training(
            model, source, Path(request["scratch"]), Job(**job), request["seconds"]
        )
        print(throughput.to_json(), flush=True)


if __name__ == "__main__":
    main()
