"""The bundle: one folder with a model's description, network, filters and calibration."""
