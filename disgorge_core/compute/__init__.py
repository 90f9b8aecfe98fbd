"""Independent pieces of work on all cores: local processes today, a cluster behind the same call later."""

from disgorge_core.compute.pool import cores, map
from disgorge_core.compute.shared import SharedArray, shared
from disgorge_core.compute.threads import threads

__all__ = ["SharedArray", "cores", "map", "shared", "threads"]
