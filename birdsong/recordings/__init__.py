"""Who and where: manifests, sessions, splits, xeno-canto and downloads."""
