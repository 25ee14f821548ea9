"""The files of an extractor's folder, by engine; a node fetches the specification and its engine's files."""

SPECIFICATION = "extractor.json"
ENGINE_FILES: dict[str, tuple[str, ...]] = {
    "openvino": ("network.xml", "network.bin"),
    "tensorflow": ("network.keras",),
}
ENGINES = tuple(ENGINE_FILES)
PRECISIONS = ("f32", "bf16")
