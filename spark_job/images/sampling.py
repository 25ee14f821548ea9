"""Which of the listed images take part: classes by pattern, samples balanced over classes."""

from fnmatch import fnmatchcase

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name everyone uses


def matches_any(label: str, patterns: tuple[str, ...]) -> bool:
    """Whether a class fits one of the patterns (`*`, `?`, `[…]`, any case); without patterns all do."""
    return not patterns or any(fnmatchcase(label.casefold(), pattern.casefold()) for pattern in patterns)


def balanced_sample(
    images: DataFrame, seed: int, total: int | None = None, per_class: int | None = None
) -> DataFrame:
    """At most `per_class` images of each class, or `total` spread over the classes as evenly as they allow.

    Which ones depends on the seed and the paths alone, not on partitions or order.
    """
    if total is None and per_class is None:
        return images
    order = F.xxhash64(F.lit(seed), F.col("path"))
    rank = F.row_number().over(Window.partitionBy("label").orderBy(order, "path"))
    ranked = images.withColumn("_rank", rank).withColumn("_order", order)
    if per_class is not None:
        ranked = ranked.where(F.col("_rank") <= per_class)
    if total is not None:
        # All first images of the classes, then all second ones, …: the classes stay level.
        ranked = ranked.orderBy("_rank", "_order", "path").limit(total)
    return ranked.drop("_rank", "_order")
