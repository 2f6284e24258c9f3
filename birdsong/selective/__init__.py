"""Statistics of answers: promises, bounds, selection on the tree, the rules of others."""
