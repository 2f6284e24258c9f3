"""The dataset that a network is trained on: images, labels, and splits by session."""
