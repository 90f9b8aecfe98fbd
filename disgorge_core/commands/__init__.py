"""The verbs of the command line, one file each; what they share stands beside them."""
