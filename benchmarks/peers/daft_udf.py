"""Contender (d): Daft with the job's preparation and engine, one process a core."""

from typing import Any

from benchmarks.peers.assignment import Assignment, PhotographFeatures, core_count

ROWS_PER_BATCH = 64


class Extract(PhotographFeatures):
    """Daft's worker: the network once a process, then batch by batch."""

    def features(self, contents: Any) -> list[Any]:
        """Return the features of a series of photographs, each (feature_length,) float32."""
        return [self.of(content) for content in contents.to_pylist()]


def main() -> None:
    """Write the features: glob → download → the network → Parquet."""
    import daft

    assignment = Assignment.from_arguments()
    floats = daft.DataType.list(daft.DataType.float32())
    method = daft.method.batch(return_dtype=floats, batch_size=ROWS_PER_BATCH)
    worker = type("Worker", (Extract,), {"features": method(Extract.features)})
    extract = daft.cls(worker, cpus=1, max_concurrency=core_count(), use_process=True)
    images = daft.from_glob_path(f"{assignment.images}/**/*")
    content = images.with_column("content", images["path"].download())
    network = extract(assignment.extractor)
    table = content.select("path", network.features(content["content"]).alias("features"))
    table.write_parquet(str(assignment.out / "features"))


if __name__ == "__main__":
    main()
