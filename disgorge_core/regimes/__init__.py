"""How a model is trained so that removals are cheap, or needless, later: one file each."""
