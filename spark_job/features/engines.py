"""The engines that run a network on one processor core, and how they reach the workers."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pyspark import SparkContext, SparkFiles

from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_keras, import_openvino, import_tensorflow
from spark_job.extractors.specification import Extractor, ExtractorSpecification


class Engine(Protocol):
    """A loaded network."""

    def features(self, tensors: np.ndarray) -> np.ndarray:
        """Compute a fresh (n, feature_length) float32 of (n, height, width, 3) float32, C-contiguous."""


def load_engine(
    files: Mapping[str, Path], specification: ExtractorSpecification, engine: str, precision: str
) -> Engine:
    """Load a network to run on one core, of files whose hashes are not checked; ExtractorError."""
    paths = [files[name] for name in ENGINE_FILES[engine]]
    make: Callable[..., Engine] = _OpenVinoEngine if engine == "openvino" else _TensorFlowEngine
    try:
        return make(*paths, specification, precision)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ExtractorError(f"{engine} cannot load {paths[0].name}: {reason}") from error


class _OpenVinoEngine:
    """One image at a time: in f32 that is faster than batches."""

    def __init__(
        self, graph: Path, numbers: Path, specification: ExtractorSpecification, precision: str
    ) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": precision,
            # Pinned, the processes of all Spark's workers would share the first core.
            "ENABLE_CPU_PINNING": False,
            "PERFORMANCE_HINT": "LATENCY",
        }
        network = core.compile_model(core.read_model(str(graph), str(numbers)), "CPU", options)
        self._request = network.create_infer_request()
        self._tensor: Any = openvino.Tensor
        self._feature_length = specification.feature_length

    def features(self, tensors: np.ndarray) -> np.ndarray:
        # OpenVINO reads the array's own memory, and refuses an array that is read-only.
        tensors = np.require(tensors, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
        features = np.empty((len(tensors), self._feature_length), np.float32)
        for index in range(len(tensors)):
            self._request.set_input_tensor(self._tensor(tensors[index : index + 1], shared_memory=True))
            self._request.infer()
            features[index] = self._request.get_output_tensor().data.reshape(-1)
        return features


class _TensorFlowEngine:
    """Keras' own answer, which the others are compared with; a whole batch at a time."""

    def __init__(self, archive: Path, specification: ExtractorSpecification, _precision: str) -> None:
        tensorflow = import_tensorflow()
        with suppress(RuntimeError):  # it has already computed something: not in a worker, and only slower
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        network = import_keras().saving.load_model(archive, compile=False)
        shape = (None, specification.height, specification.width, 3)
        self._run = tensorflow.function(
            lambda tensors: network(tensors, training=False),
            input_signature=[tensorflow.TensorSpec(shape, tensorflow.float32)],
        )

    def features(self, tensors: np.ndarray) -> np.ndarray:
        return np.array(self._run(tensors), np.float32)


def worker_engine(
    spark: SparkContext, extractor: Extractor, engine: str, precision: str, scratch: Path
) -> Callable[[], Engine]:
    """Send the network's files to every node once; return what loads them once a worker process."""
    names = {}
    for name in ENGINE_FILES[engine]:
        path = extractor.fetch(name, into=scratch)
        spark.addFile(str(path))
        names[name] = path.name
    return partial(_load_once, names, extractor.specification, engine, precision)


_loaded: dict[tuple[str, ...], Engine] = {}  # of this worker process; one at a time


def _load_once(
    names: Mapping[str, str], specification: ExtractorSpecification, engine: str, precision: str
) -> Engine:
    key = (specification.fingerprint, engine, precision)
    if key not in _loaded:
        files = {name: Path(SparkFiles.get(file)) for name, file in names.items()}
        _loaded.clear()
        _loaded[key] = load_engine(files, specification, engine, precision)
    return _loaded[key]
