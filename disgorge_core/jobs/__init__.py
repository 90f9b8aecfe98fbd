"""Work beside the screens: requests, workers, two lanes."""

from disgorge_core.jobs.lanes import Lanes
from disgorge_core.jobs.task import Desk
from disgorge_core.runs import Run, TaskResult

__all__ = ["Desk", "Lanes", "Run", "TaskResult"]
