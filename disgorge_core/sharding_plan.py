"""What shards and slices cost, by formula, before any model is trained.

N records, S shards, R slices a shard, K requests in one batch for m records each, which share a slice.
Shards and slices are hashes, so where a kept record lies does not depend on where the requests fall, and
stage r of its shard is trained again where one of them falls into slices 1 to r:

    passes(K) = (N - K m) Σ_r e_r (r / R) (1 - (1 - r / (S R))^K)

with e_r epochs of stage r. For R = 1 that is e (N - K) (1 - (1 - 1/S)^K); with shards of equal size, as in
the paper, e (N (1 - (1 - 1/S)^K) - K). One request costs (2R + 1) / (3 S R) of a training (Bourtoule et
al., arXiv 1912.03817, section V).
"""

from __future__ import annotations

from disgorge_core.errors import BadParam


def stage_epochs(epochs: int, slices: int) -> tuple[int, ...]:
    """Epochs of each stage (R,), whole numbers near 2 epochs / (R + 1), so that the passes stay the same.

    Stage r reads r of R slices: e_r makes Σ_j≤r j e_j as near as it can to e r (r + 1) / 2. Raises
    BadParam where a stage would have none.
    """
    each = 2 * epochs / (slices + 1)
    if each < 1:
        raise BadParam(
            f"{_times(epochs)} cannot be spread over {slices:,} stages.",
            f"Take at least {-(-(slices + 1) // 2):,} epochs, or at most {2 * epochs - 1:,} stages.",
        )
    found: list[int] = []
    done = 0
    for r in range(1, slices + 1):
        found.append(max(1, round((each * r * (r + 1) / 2 - done) / r)))
        done += r * found[-1]
    return tuple(found)


def _times(epochs: int) -> str:
    return f"{epochs:,} epoch{'s' if epochs != 1 else ''}"


def training_passes(records: float, epochs: int, slices: int) -> float:
    """Record-passes of one whole training."""
    weighted = (r * e for r, e in enumerate(stage_epochs(epochs, slices), start=1))
    return records * sum(weighted) / slices


def removal_passes(
    records: float, epochs: int, shards: int, slices: int, requests: int, together: float = 1.0
) -> float:
    """Expected record-passes of K requests in one batch, each for `together` records of one slice."""
    kept = max(0.0, records - requests * together)
    parts = enumerate(stage_epochs(epochs, slices), start=1)
    hit = (e * r / slices * (1 - (1 - r / (shards * slices)) ** requests) for r, e in parts)
    return kept * sum(hit)


def removal_share(
    records: float, epochs: int, shards: int, slices: int, requests: int, together: float = 1.0
) -> float:
    """The same as a share of one whole training."""
    passes = removal_passes(records, epochs, shards, slices, requests, together)
    return passes / training_passes(records, epochs, slices)


def retrain_share(epochs: int, shards: int, slices: int, requests: int) -> float:
    """The same as a share of training again on all records that stay, however many there are."""
    return removal_share(requests + 1, epochs, shards, slices, requests) * (requests + 1)


def storage(shards: int, slices: int) -> int:
    """Networks that are kept: one for each stage of each shard."""
    return shards * slices


def inference(shards: int) -> int:
    """Forward passes for one answer."""
    return shards
