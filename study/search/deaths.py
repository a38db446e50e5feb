"""What Ray calls by other names is the death of a worker, too: Tune tries the trial once more, and the study goes on.

Ray 2.60's Tune tells two failures of a call apart: its actor died (`RayActorError`: once more, from the checkpoint), or the call
itself raised (`RayTaskError`).  Everything else goes through the driver as "Caught unexpected exception" and ends the study; so
does `OutOfMemoryError`, with which Ray's memory monitor kills workers where a node runs full.  Tune has no hook for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError

__all__ = ["every_death_is_the_actors"]


@contextmanager
def every_death_is_the_actors() -> Iterator[None]:
    """Inside, Tune takes any failure of Ray's for the death of the actor that was called."""
    failed = RayActorManager._actor_task_failed

    def told(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:  # Ray calls it by keywords
        if isinstance(exception, RayError) and not isinstance(exception, (RayActorError, RayTaskError)):
            exception = RayActorError(error_msg=str(exception))
        failed(manager, tracked_actor_task=tracked_actor_task, exception=exception)

    RayActorManager._actor_task_failed = told
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = failed
