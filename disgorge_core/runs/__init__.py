"""A run is a folder: request.json, append-only events.jsonl, worker.json, result/."""

from disgorge_core.runs.result import TaskResult
from disgorge_core.runs.run import Run

__all__ = ["Run", "TaskResult"]
