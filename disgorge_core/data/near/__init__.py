"""Near-duplicates: records that carry (almost) the same, found in several ways; clusters of them."""

from disgorge_core.data.near.content import equal_content
from disgorge_core.data.near.kinds import KINDS, Kind, kinds_of, near_duplicates
from disgorge_core.data.near.result import NearDuplicates
from disgorge_core.data.near.search import EXACT
from disgorge_core.data.near.together import kept_together

__all__ = [
    "EXACT", "KINDS", "Kind", "NearDuplicates", "equal_content", "kept_together", "kinds_of",
    "near_duplicates",
]  # fmt: skip
