"""The sampled points as files for the TensorBoard Embedding Projector.

Both formats: https://projector.tensorflow.org/ ("Load"): tab-separated, one line for each point,
vectors without a header, metadata of several columns with one.
"""

import re

import numpy as np

from spark_job.report.contents import Point
from spark_job.report.palette import class_name

# What ends a line or a column for one reader or another (str.splitlines and JavaScript's \s).
_SEPARATORS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def components_tsv(components: np.ndarray) -> bytes:
    """Return (n, k) float32 as n lines of k numbers, with the 9 digits that give float32 back exactly."""
    lines = ("\t".join(f"{value:.9g}" for value in row) + "\n" for row in components)
    return "".join(lines).encode()


def metadata_tsv(points: list[Point]) -> bytes:
    """Return a header line, and a line of label, split and path for each point."""
    rows = [("label", "split", "path")]
    rows += [(class_name(point.label), point.split, point.path) for point in points]
    text = "".join("\t".join(_SEPARATORS.sub(" ", cell) for cell in row) + "\n" for row in rows)
    # A name that is not UTF-8 arrives with lone surrogates, which cannot be encoded.
    return text.encode("utf-8", "backslashreplace")
