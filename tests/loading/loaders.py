"""Batch loaders from settings by their names alone."""

from birdsong.loading.batch_loader import BatchLoader
from birdsong.loading.loader_config import LoaderConfig

OWN = ("n_labels", "background_rows", "source")


def batch_loader(store, rows, label_indices, **settings):
    """A loader; what is none of its own arguments is a setting of its config."""
    own = {name: settings.pop(name) for name in OWN if name in settings}
    return BatchLoader(store, rows, label_indices, config=LoaderConfig(**settings), **own)
