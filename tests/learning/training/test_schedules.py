"""How the learning rate changes."""

import numpy as np
import pytest

HIGHEST = 0.01


@pytest.fixture(scope="module")
def rates_of(tensorflow):
    from birdsong.learning.training.schedules import learning_rate

    def rates_of(schedule, n_epochs, n_batches=10):
        rate = learning_rate(schedule, highest=HIGHEST, n_epochs=n_epochs, n_batches=n_batches)
        return np.array([float(rate(step)) for step in range(n_epochs * n_batches + 1)])

    return rates_of


def test_cycles_rise_and_fall_and_halve(rates_of):
    rates = rates_of("cyclical", 24)
    assert rates[[0, 80, 160, 240]] == pytest.approx(HIGHEST / 10)
    assert rates[40] == pytest.approx(HIGHEST)
    assert rates[120] == pytest.approx(0.0055)
    assert rates[200] == pytest.approx(0.00325)
    assert (np.diff(rates[:41]) > 0).all()
    assert (np.diff(rates[40:81]) < 0).all()


@pytest.mark.parametrize("n_epochs", [1, 3, 8])
def test_a_short_training_is_one_cycle(rates_of, n_epochs):
    rates = rates_of("cyclical", n_epochs)
    assert rates.argmax() == 5 * n_epochs
    assert rates[-1] == pytest.approx(HIGHEST / 10)


def test_one_cycle_ends_with_next_to_nothing(rates_of):
    rates = rates_of("one-cycle", 10)
    assert rates[0] == pytest.approx(HIGHEST / 25)
    assert rates.argmax() == 30
    assert rates.max() == pytest.approx(HIGHEST)
    assert rates[-1] == pytest.approx(HIGHEST / 10_000, rel=1e-2)


def test_the_cosine_warms_up_and_ends_with_nothing(rates_of):
    rates = rates_of("cosine", 10)
    assert rates.argmax() == 5, "a twentieth of the training, as that is shorter than an epoch"
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_a_rate_can_be_kept_with_its_optimizer(tensorflow):
    import keras

    from birdsong.learning.training.schedules import PiecewiseLinear, learning_rate

    rate = learning_rate("one-cycle", highest=HIGHEST, n_epochs=10, n_batches=10)
    again = PiecewiseLinear.from_config(rate.get_config())
    assert [float(again(step)) for step in (0, 17, 99, 500)] == pytest.approx(
        [float(rate(step)) for step in (0, 17, 99, 500)]
    )
    assert isinstance(again, keras.optimizers.schedules.LearningRateSchedule)
