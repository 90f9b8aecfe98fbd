"""Guide: the ways of removal on one map, the decision guide, the words."""

from __future__ import annotations

from disgorge_core.words import PAGES
from pages.common import messages, panels

messages.title("Guide", PAGES["guide"])
panels.draw_page("guide", panels.current_view())
messages.next_step("start/home", "Home", "Open a worked example and try a method on it.")
