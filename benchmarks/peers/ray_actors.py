"""Contender (e): Ray Data with the job's preparation and engine, one actor a core."""

from typing import Any

import pyarrow as pa

from benchmarks.peers.assignment import Assignment, PhotographFeatures, core_count

ROWS_PER_BATCH = 64


class Extract(PhotographFeatures):
    """Ray's actor: the network once, then batch by batch."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Turn columns `path` and `bytes` into `path` and `features`."""
        features = [self.of(content.as_py()) for content in batch["bytes"]]
        return pa.table({"path": batch["path"], "features": pa.array(features, pa.list_(pa.float32()))})


def main() -> None:
    """Write the features: read_binary_files → actors → Parquet."""
    import ray

    assignment, cores = Assignment.from_arguments(), core_count()
    # Ray counts places, not cores. The actors hold one each for the whole run; with no more than these,
    # its reading tasks would never start.
    ray.init(num_cpus=2 * cores, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    images: Any = ray.data.read_binary_files(str(assignment.images), include_paths=True)
    table = images.map_batches(
        Extract,
        fn_constructor_args=[assignment.extractor],
        batch_size=ROWS_PER_BATCH,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=cores),
        num_cpus=1,
    )
    table.write_parquet(str(assignment.out / "features"))
    ray.shutdown()


if __name__ == "__main__":
    main()
