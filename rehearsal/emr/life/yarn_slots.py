"""How many clusters run YARN at once: each takes memory of this machine."""

import threading

from rehearsal.emr.state.cluster import Cluster


class YarnSlots:
    """Lets clusters in, in no order, as others end."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._changed = threading.Condition()

    def take(self, cluster: Cluster) -> bool:
        """Wait for a place; False when the cluster is to end first."""
        with self._changed:
            # Nobody tells of an ending here, hence the short waits.
            while not self._free and not cluster.ending:
                self._changed.wait(0.1)
            if cluster.ending:
                return False
            self._free -= 1
            return True

    def release(self) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._changed.notify()
