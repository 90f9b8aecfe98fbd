"""Projections: features of records onto a flat map, one file each."""

from disgorge_core.projections.contract import Projection, align

__all__ = ["Projection", "align"]
