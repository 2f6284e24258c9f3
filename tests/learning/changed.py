"""A training config with some settings changed, in whichever of its configs they stand."""

from dataclasses import fields, replace

from birdsong.learning.training.training_config import TrainingConfig

PARTS = ("model", "optimizer", "loss", "distillation")


def changed(config=None, **settings):
    """Change settings by their name alone; ``model`` and ``loss`` are the names of these."""
    config = config or TrainingConfig()
    for part in PARTS:
        of_part = getattr(config, part)
        own = {each.name for each in fields(of_part)} - {"name"}
        given = {name: settings.pop(name) for name in own & settings.keys()}
        if part in ("model", "loss") and part in settings:
            given["name"] = settings.pop(part)
        if given:
            config = replace(config, **{part: replace(of_part, **given)})
    return replace(config, **settings)
