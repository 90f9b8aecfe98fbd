"""The words of the design as frozen dataclasses; read these files first.

Arrays are numpy: `(n, ...)` has one row for each record of the dataset, in the dataset's order.
"""

from disgorge_core.types.audits import About, AuditReport, Decides, Finding, Marks, Skipped, Verdict
from disgorge_core.types.data import SPLITS, Dataset, ForgetSet, Roles
from disgorge_core.types.models import (
    Backbone,
    Column,
    Layer,
    Lineage,
    Member,
    Model,
    Preprocessing,
    Recipe,
)
from disgorge_core.types.plain import Array, digest_of
from disgorge_core.types.results import (
    Change,
    Cost,
    Embedding,
    Estimate,
    Family,
    Outcome,
    Progress,
    Report,
    Scores,
    Tier,
    Timing,
    silent,
)

__all__ = [
    "SPLITS", "About", "Array", "AuditReport", "Backbone", "Change", "Column", "Cost", "Dataset", "Decides",
    "Embedding", "Estimate", "Family", "Finding", "ForgetSet", "Layer", "Lineage", "Marks", "Member", "Model",
    "Outcome", "Preprocessing", "Progress", "Recipe", "Report", "Roles", "Scores", "Skipped", "Tier",
    "Timing", "Verdict", "digest_of", "silent",
]  # fmt: skip
