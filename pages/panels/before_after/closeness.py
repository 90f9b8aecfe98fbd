"""How far the answers are from those of models that never saw the records."""

from __future__ import annotations

from disgorge_core import comparison
from disgorge_core.figures.spread import distances
from pages.common import charts, compared
from pages.common.panels import PANELS, Need, View

SENTENCE = (
    "Mean distance of the answers to each reference ({distance}), with the range over references. The gold "
    "mark is what chance alone makes: the references among themselves. After should come near it; a "
    "difference within its range cannot be told from chance."
)
DISTANCES = {
    "classification": "Jensen-Shannon divergence in nats; 0 is equal, 0.69 is opposite",
    "regression": "absolute difference of the predicted values; 0 is equal",
}


@PANELS.register
class Closeness:
    """Distance to the references, before and after, with the references' own as floor."""

    name, page, tab, order = "before_after_closeness", "before_after", "Overview", 30
    title = "How close it is to models that never saw the records"

    def needs(self, view: View) -> Need | None:
        """A run with at least two references."""
        found = compared.current(view)
        if found is None:
            return compared.NOTHING
        if len(found.comparison.references) < 2:
            sentence = "This needs at least two reference models; this run trained fewer."
            return Need(sentence, "disgorge/plan", "Run it again with references")
        return None

    def draw(self, view: View) -> None:
        """The chart."""
        found = compared.current(view)
        if found is None:
            return
        table = comparison.closeness(found.comparison, found.data)
        sentence = SENTENCE.format(distance=DISTANCES[found.data.task])
        figure = distances(table, template=charts.template())
        charts.chart(figure, "before_after_closeness", sentence)
