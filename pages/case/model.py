"""Model: what the case's models are, how good they are, and how to get another."""

from __future__ import annotations

from disgorge_core.words import PAGES
from pages.common import messages, panels
from pages.panels.model import chooser

view = panels.current_view()
messages.title("Model", PAGES["model"])
if view is None:
    messages.need(
        "No case is open.", "start/home", "Open an example or one of your cases", key="case"
    )
else:
    chooser.draw(view)
    panels.draw_page("model", view)
    messages.next_step("select/explore", "Explore", "Choose the records that must go.")
