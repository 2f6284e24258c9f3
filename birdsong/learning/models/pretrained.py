"""A training that begins with what a bundle has learned, instead of weights drawn by chance.

All layers but the last take the bundle's weights over, and of the last one the columns of the
labels that both have. What the bundle learned from only trains: the network knows it already, and
would look better by it than it is.

References
----------
.. [1] Yosinski, Clune, Bengio & Lipson (2014), How transferable are features in deep neural
   networks?, NeurIPS: layers that were taken over learn better than drawn ones where they go on
   learning, even from what is unlike their first task.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import WEIGHTS, read_bundle
from birdsong.errors import BundleError, ConfigError
from birdsong.images.tables import AttributionRow, known_attribution
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.old_names import TRAINING_FIELDS, with_new_names
from birdsong.taxa.labels import Label

if TYPE_CHECKING:
    import keras

NETWORK_SETTINGS = (
    *("batch_normalization", "width", "bypass", "frequency_channel", "fine_bands", "peaks"),
)
"""What of a `TrainingConfig` a network is built by, but for its dropout: weights fit no other."""

LAST = "labels"
"""Layer of the network with a column for each label."""


@dataclass(frozen=True, slots=True)
class PretrainedBundle:
    """A bundle to begin with, and its folder."""

    folder: Path
    bundle: Bundle

    @property
    def settings(self) -> dict[str, Any]:
        """Its `NETWORK_SETTINGS`; one that is younger than the bundle has its default."""
        its = with_new_names(self.bundle.provenance["config"], TRAINING_FIELDS)
        default = asdict(TrainingConfig())
        return {name: its.get(name, default[name]) for name in NETWORK_SETTINGS}

    def column(self, label: Label) -> int | None:
        """Where the bundle's network has the taxon of a label; None where it has not."""
        for column, own in enumerate(self.bundle.labels):
            if (own.rank, own.taxon) == (label.rank, label.taxon):
                return column
        return None

    def require_network(self, config: TrainingConfig) -> None:
        """Refuse a config of a network that its weights do not fit.

        Raises
        ------
        ConfigError
        """
        differing = [
            f"{name} {json.dumps(getattr(config, name))} instead of {json.dumps(value)}"
            for name, value in self.settings.items()
            if getattr(config, name) != value
        ]
        if differing:
            raise ConfigError(
                f"bundle '{self.bundle.name}' has another network: {', '.join(differing)}; "
                "begin without it, or ask for a network like its own"
            )

    def told(self) -> dict[str, Any]:
        """What a bundle that began with this one tells of it."""
        bundle = self.bundle
        return {
            "name": bundle.name,
            "fingerprint": bundle.fingerprint,
            "sessions": len(bundle.sessions),
            "licence": bundle.licence,
        }

    def attribution(self) -> list[AttributionRow]:
        """Whose recordings it learned from, as far as its folder says so."""
        return known_attribution(self.folder)


def read_pretrained(folder: Path) -> PretrainedBundle:
    """Read a bundle to begin with.

    Raises
    ------
    BundleError
        If it is none, or damaged, or does not hold its weights and how its network was made.
    """
    bundle = read_bundle(folder)
    if not (folder / WEIGHTS).exists() or "config" not in bundle.provenance:
        raise BundleError(
            f"{folder}: no training can begin with bundle '{bundle.name}', since it lacks "
            f"{WEIGHTS} or the config of its network; name one that `birdsong train` wrote"
        )
    return PretrainedBundle(folder, bundle)


def as_pretrained(config: TrainingConfig) -> TrainingConfig:
    """Ask for a network like that of the bundle to begin with, if there is one.

    What the config leaves as it is by default becomes as the bundle has it.

    Parameters
    ----------
    config : TrainingConfig

    Returns
    -------
    TrainingConfig
        With the bundle's `NETWORK_SETTINGS`.

    Raises
    ------
    BundleError
        As `read_pretrained` does.
    ConfigError
        If it asks for another network.
    """
    if not config.dataset.begin_with:
        return config
    pretrained, default = read_pretrained(Path(config.dataset.begin_with)), TrainingConfig()
    asked = {
        name: getattr(config, name)
        for name in NETWORK_SETTINGS
        if getattr(config, name) != getattr(default, name)
    }
    begun = replace(config, **{**pretrained.settings, **asked})
    pretrained.require_network(begun)
    return begun


def load_pretrained_weights(
    network: keras.Model,
    labels: tuple[Label, ...],
    before: keras.Model,
    pretrained: PretrainedBundle,
) -> None:
    """Give a network the weights of a bundle.

    Parameters
    ----------
    network : keras.Model
        With a column in `LAST` for each of the labels.
    labels : tuple of Label
    before : keras.Model
        Built as the network, with a column for each label of the bundle.
    pretrained : PretrainedBundle
    """
    before.load_weights(pretrained.folder / WEIGHTS)
    for layer, its in zip(network.layers, before.layers, strict=True):
        if layer.name != LAST:
            layer.set_weights(its.get_weights())
    kernel, bias = network.get_layer(LAST).get_weights()
    kernel_before, bias_before = before.get_layer(LAST).get_weights()
    for column, label in enumerate(labels):
        if (known := pretrained.column(label)) is not None:
            kernel[..., column], bias[column] = kernel_before[..., known], bias_before[known]
    network.get_layer(LAST).set_weights([kernel, bias])
