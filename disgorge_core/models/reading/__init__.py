"""Model files of strangers: checked word by word, by readers that import neither torch nor pandas."""
