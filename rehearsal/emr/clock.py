"""The time of the rehearsal's EMR: this machine's, which may be put forward."""

import time


class Clock:
    """A clock that is right, or some seconds fast."""

    ahead_seconds = 0.0

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return time.time() + self.ahead_seconds


# One for the whole process: nothing of EMR knows another time.
CLOCK = Clock()
