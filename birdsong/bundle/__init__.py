"""One folder with all that a model needs to be used: description, seal, network, calibration."""
