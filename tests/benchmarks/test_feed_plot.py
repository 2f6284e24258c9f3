"""The plot of `birdsong bench feed`: workers against speed, augmented or not."""

import pytest

from benchmarks import feed
from benchmarks.feed_loaders import LOADERS


def jobs_of(loader, rate):
    """What was measured of a way: twice as fast with two workers, 1.5 times where augmented."""
    return [
        {
            "workers": job.workers, "batch_size": job.batch_size, "augmented": job.augmented,
            "cold": job.cold,
            "images_per_s": [rate * (1 + job.workers * (0.25 if job.augmented else 0.5))],
        }
        for job in feed._jobs(loader, thorough=False)
    ]  # fmt: skip


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The figure, of every way with made rates."""
    figures = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, path, **_: figures.append(figure)
    )
    ways = {name: {"jobs": jobs_of(loader, 1000.0)} for name, loader in LOADERS.items()}
    feed._draw({"ways": ways}, tmp_path / "feed.png")
    return figures[0]


def test_augmentation_is_measured_with_every_number_of_workers():
    jobs = feed._jobs(LOADERS["birdsong, packed"], thorough=False)
    assert {job.workers for job in jobs if job.augmented} == set(feed.WORKERS)
    assert len(jobs) == len(set(jobs))


def test_augmentation_is_drawn_against_workers(drawn):
    plain, _, augmented, _ = drawn.axes
    assert "without augmentation" in plain.get_title()
    assert "fully augmented" in augmented.get_title()
    n_ways = sum(loader.has_workers for loader in LOADERS.values())
    for axes, at_two in ((plain, 2.0), (augmented, 1.5)):
        assert len(axes.lines) == n_ways
        for line in axes.lines:
            times = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
            assert (times[0], times[2]) == (1, pytest.approx(at_two))
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == list(LOADERS)


def test_ticks_of_workers_are_whole_numbers(drawn):
    for axes in drawn.axes:
        assert all(tick == int(tick) for tick in axes.get_xticks())
