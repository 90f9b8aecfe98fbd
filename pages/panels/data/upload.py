"""A new case from the user's own file."""


def draw() -> None:
    """Nothing yet."""
