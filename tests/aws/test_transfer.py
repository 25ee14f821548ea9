"""Many transfers at once: what a person sees of them."""

import io
import re

from operate.s3.transfer import side_by_side


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self):
        return True


def test_a_terminal_shows_bytes_their_rate_and_the_time_left(monkeypatch):
    """Without sizes it counts items; a file or a pipe gets nothing."""
    shown, silent = Terminal(), io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr", shown)
    work = dict.fromkeys(range(3), 500_000)
    assert (
        sorted(side_by_side(work.__getitem__, [0, 1, 2], at_once=1, label="uploading", size=work.__getitem__))
        == [500_000] * 3
    )
    plain = re.sub(r"\x1b\[[\d;?]*\w", "", shown.getvalue())
    assert re.search(r"uploading \S+ 1\.5/1\.5 MB [\d.]+ .B/s 0:00:00", plain)
    monkeypatch.setattr("sys.stderr", silent)
    side_by_side(str, [1, 2], at_once=1, label="comparing")
    assert silent.getvalue() == ""
