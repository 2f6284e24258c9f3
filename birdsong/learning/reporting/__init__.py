"""Evaluations for people: the HTML report, plots, model cards, attribution."""
