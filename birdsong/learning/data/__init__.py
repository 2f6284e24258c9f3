"""What a network learns from: the dataset, its labels, its splits by session."""
