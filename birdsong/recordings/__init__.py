"""Who and where: manifests, sessions, and synthetic recordings with known songs."""
