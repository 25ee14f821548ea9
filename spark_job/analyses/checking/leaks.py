"""Near-duplicates across splits: images of a smaller split that another split has as well.

Every image of the smaller splits is compared with every image of the others, exactly, in blocks: the time
grows with the product of their numbers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from spark_job.analyses.checking.findings import Finding
from spark_job.analyses.component_table import ComponentTable, directions, listed_files
from spark_job.images.listing import ListedFile

Best = tuple[np.ndarray, list[ListedFile | None]]


def split_sizes(table: ComponentTable, uri: str) -> Counter[str]:
    """Return split -> number of images of one part; images without a split are left out."""
    sizes = Counter[str]()
    for batch, _ in table.rows(uri):
        sizes.update(split for split in batch.column("split").to_pylist() if split)
    return sizes


def leak_findings(table: ComponentTable, uri: str, splits: Sequence[str], least: float) -> Iterator[Finding]:
    """Yield the images of one part, outside the first split, that are nearly the same in another split.

    Args:
        splits: all of them, the largest first: the others are held against it.
        least: cosine from which two images are nearly the same.
    """
    number = {split: code for code, split in enumerate(splits)}
    for batch, rows in table.rows(uri):
        images = listed_files(batch)
        places = [place for place, image in enumerate(images) if number.get(image.split, 0)]
        if not places:
            continue
        chosen = [images[place] for place in places]
        cosines, partners = _most_alike(table, chosen, directions(rows[places]), number)
        for image, cosine, partner in zip(chosen, cosines.tolist(), partners, strict=True):
            if partner is not None and cosine >= least:
                yield Finding(image, "leak", max(1 - cosine, 0.0), partner.path, partner)


def _most_alike(
    table: ComponentTable, images: list[ListedFile], rows: np.ndarray, number: Mapping[str, int]
) -> Best:
    """Return for each image the largest cosine with an image of another split, and that image."""
    splits = np.array([number[image.split] for image in images])
    best: Best = (np.full(len(images), -np.inf), [None for _ in images])
    for uri in table.parts:
        for batch, others in table.rows(uri):
            theirs = np.array(
                [number.get(split, -1) for split in batch.select(["split"]).to_pydict()["split"]]
            )
            products = rows @ directions(others).T
            products[(splits[:, None] == theirs) | (theirs < 0)] = -np.inf
            _keep_better(best, products, listed_files(batch))
    return best


def _keep_better(best: Best, products: np.ndarray, others: list[ListedFile]) -> None:
    cosines, partners = best
    places = products.argmax(axis=1)
    largest = products[np.arange(len(products)), places]
    for row in np.flatnonzero(largest > cosines).tolist():
        cosines[row], partners[row] = largest[row], others[places[row]]
