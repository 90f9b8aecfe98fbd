"""Home: worked examples, my cases, the path."""

from __future__ import annotations

from disgorge_core.words import PAGES
from pages.common import messages, panels

messages.title(
    "Disgorge", "Remove training data from a trained model, and see what changed. " + PAGES["home"]
)
panels.draw_page("home", panels.current_view())
