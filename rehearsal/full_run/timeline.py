"""What happens, printed as it happens: one line an event, with its seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WIDTH = 7  # of `  123.4`, before the unit


class Timeline:
    """Prints events with their seconds; may be used from several threads."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self._clock, self._begun = say, clock, clock()

    @contextmanager
    def event(self, name: str) -> Iterator[None]:
        """Print the event when the block has ended, or failed."""
        begun = self._clock()
        try:
            yield
        except BaseException:
            self._print(begun, f"{name}: failed")
            raise
        self._print(begun, name)

    def detail(self, text: str) -> None:
        """Print a line that belongs to an event under way."""
        self.say(f"{'':>{WIDTH + 4}}{text}")

    @property
    def seconds(self) -> float:
        """Seconds since the timeline began."""
        return self._clock() - self._begun

    def _print(self, begun: float, text: str) -> None:
        self.say(f"{self._clock() - begun:{WIDTH}.1f} s  {text}")
