"""How Spark is run in tests."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_java():
    """Java programs here live for seconds: the quick compiler and the simple collector start sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield
