"""Trainings are timed from every source, and shares are of what memory gave in the same round."""

import itertools
import json
import statistics

import pytest

from benchmarks import feed_images, train
from benchmarks.feed_alternatives import Job
from birdsong.errors import ConfigError
from tests.conftest import few_layers


@pytest.fixture(scope="module")
def laid_out(tensorflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("laid_out")
    feed_images.write_formats(folder, None, 32)
    return folder


@pytest.fixture(scope="module")
def train_sources(tensorflow):
    """The module, imported when a test needs it."""
    from benchmarks import train_sources

    return train_sources


@pytest.fixture(scope="module")
def model(train_sources):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_sources.NETWORKS, "SqueezeNet", few_layers)
        return train_sources.compile_network("SqueezeNet")


@pytest.mark.parametrize(
    ("source", "augmented"),
    list(dict.fromkeys((way.source, way.augmented) for way in train.WORKLOADS)),
)
def test_a_network_learns_from_every_source(train_sources, model, laid_out, source, augmented):
    job = Job(workers=2, batch_size=8, augmented=augmented)
    before = int(model.optimizer.iterations)
    pace = train_sources.measure_training(model, source, laid_out, job, seconds=0.01)
    assert int(model.optimizer.iterations) - before >= 2 * train_sources.STEPS_PER_CHECK
    assert pace.images_per_s > 0
    assert pace.memory_mb > 100
    if source.startswith("birdsong") or source == "one batch in memory":
        assert 0 <= pace.waiting_share <= 1
    else:
        assert pace.waiting_share is None
    assert train_sources.Throughput.from_json(pace.to_json()) == pace


def test_what_it_warms_up_with_is_not_counted(train_sources, model, monkeypatch):
    seconds = iter([100.0, 101.0, 103.5, 105.0, 108.0])  # at the beginning, and after each look
    monkeypatch.setattr(train_sources.time, "perf_counter", lambda: next(seconds))
    clock = train_sources._Clock(4.0, None)
    clock.set_model(model)
    clock.on_train_begin()
    model.stop_training = False
    for epoch in range(4):
        assert not model.stop_training
        clock.on_epoch_end(epoch)
    assert model.stop_training
    assert (clock.n_steps, clock.spent_s) == (2 * train_sources.STEPS_PER_CHECK, 4.5)


def test_a_failing_source_says_why(train_sources, model, laid_out, monkeypatch):
    def broken(scratch, job):
        yield from itertools.islice(train_sources.SOURCES["one batch in memory"](scratch, job), 3)
        raise OSError("the drive is gone")

    monkeypatch.setitem(train_sources.SOURCES, "broken", broken)
    with pytest.raises(OSError, match="the drive is gone"):
        train_sources.measure_training(model, "broken", laid_out, Job(batch_size=2), seconds=0.01)


@pytest.mark.parametrize("network", ["VGG-16", "ResNet-50"])
def test_networks_for_colours_take_grey_images(train_sources, network):
    model = train_sources.NETWORKS[network](5)
    assert model.input_shape == (None, 64, 200, 1)
    assert model.inputs[0].dtype == "uint8"
    assert model.output_shape == (None, 5)


@pytest.fixture
def told(train_sources, monkeypatch):
    """The trainings that were asked for; every one is told as slower than the one before."""
    asked = []

    def paces(ways, scratch, batch_size, seconds):
        asked.append(list(ways))
        for number, way in enumerate(ways):
            waited = None if way.source.startswith("tf.data") else 0.1
            yield train_sources.Throughput(100.0 - number, waited, 1000.0)

    monkeypatch.setattr(train, "_measure", paces)
    return asked


def test_shares_are_of_memory_before_and_after_in_the_same_round(told, tmp_path, capsys):
    figures = train.measure(images=None, n_rounds=2, n_images=70, batch_size=32, seconds=1)
    assert figures["images"] == 64
    n = len(train.WORKLOADS)
    assert told[0] == [*train.WORKLOADS, *train.WORKLOADS[::-1]], "every other round goes backwards"
    rounds = [list(range(100, 100 - n, -1)), list(range(100 - n, 100 - 2 * n, -1))]
    shares = [
        rounds[0][1] / statistics.mean([rounds[0][0], rounds[0][2]]),
        rounds[1][-2] / statistics.mean([rounds[1][-1], rounds[1][-3]]),
    ]
    assert figures["packed_shares"] == pytest.approx(shares)
    assert shares == [1, 1], "a machine that gets slower by and by does not count"
    assert len(figures["ways"]) == len(set(train.WORKLOADS)) + len(train.LARGER_NETWORKS)
    json.dumps(figures)
    out = capsys.readouterr().out
    assert f"round 2 of 2: {train.PACKED.source}, augmented: " in out
    assert "fully augmented: 100.0 % of one batch in memory (rounds: 100.0, 100.0)" in out
    assert "ResNet-50" in out


def test_only_the_packed_copy(told):
    figures = train.measure(
        images=None, n_rounds=1, n_images=32, batch_size=32, seconds=1, only_packed=True
    )
    assert told == [[train.MEMORY, train.PACKED, train.MEMORY], [train.MEMORY], [train.PACKED]]
    assert len(figures["ways"]) == 2


def test_less_than_a_batch_is_refused(images):
    with pytest.raises(ConfigError, match="needs a batch of 64 images at least, got 10"):
        train.measure(images=None, n_rounds=1, n_images=10)
    with pytest.raises(ConfigError, match="needs a batch of 4096 images at least, got"):
        train.measure(images=images, n_rounds=1, batch_size=4096)
