"""Cost against requests: one line for each number of shards, at the numbers that were given."""

from __future__ import annotations

from disgorge_core.figures.shard_plan import shard_plan


def test_each_number_of_shards_is_a_line_at_its_values() -> None:
    figure = shard_plan([1, 10, 100], {1: [1.0, 0.9, 0.8], 5: [0.2, 0.7, 0.8]}, chosen=10)
    lines = {trace.name: trace for trace in figure.data}
    assert set(lines) == {"1 shard", "5 shards"}
    assert list(lines["5 shards"].x) == [1, 10, 100] and list(lines["5 shards"].y) == [
        0.2,
        0.7,
        0.8,
    ]
    assert figure.layout.shapes[0].x0 == 10
    assert not shard_plan([1, 2], {1: [1.0, 1.0]}, template="dark").layout.shapes
