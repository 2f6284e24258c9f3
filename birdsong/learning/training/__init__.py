"""A dataset to a run folder with a bundle: configs, fit, cross-validation."""
