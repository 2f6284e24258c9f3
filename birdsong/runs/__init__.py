"""Work on many recordings: in parallel, with limits, resumable, with a receipt."""
