"""What the chosen records hold up."""

from __future__ import annotations

from pages.common.panels import PANELS, View


@PANELS.register
class HoldsUp:
    """stub."""

    name, page, tab, title, order = "influence_holds", "influence", "What they hold up", "", 10

    def needs(self, view: View) -> None:
        """Nothing."""

    def draw(self, view: View) -> None:
        """stub."""
