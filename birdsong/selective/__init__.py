"""Selective prediction: promises, statistical bounds, selection on the tree, rules to compare."""
