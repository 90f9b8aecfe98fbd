"""Fixed networks before the trained one: those of Hugging Face folders, read without running their code."""
