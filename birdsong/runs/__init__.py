"""Work on many recordings: side by side, with limits, resumed where it was stopped, a receipt."""
