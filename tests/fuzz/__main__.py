"""`python -m tests.fuzz KIND FIRST [LAST]`: what becomes of these mutants; a single one is kept as a file."""

import sys
import tempfile
from pathlib import Path

from tests.fuzz.answers import Outcome, decoders
from tests.fuzz.mutation import mutant


def main(kind: str, first: str, last: str = "") -> None:
    """Print how often each answer was given, then the faults."""
    outcome = Outcome(kind)
    outcome.run(range(int(first), int(last or first) + 1))
    for answer, count in outcome.answers.most_common():
        print(f"{count:>8,} {answer}")
    print(outcome)
    print(f"{decoders()[0].memory_info().rss / 1e6:.0f} MB in the decoder")
    if not last:
        path = Path(tempfile.gettempdir()) / f"{kind}-{first}"
        path.write_bytes(mutant(kind, int(first)))
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
