import subprocess
from collections.abc import Iterator

import pytest

from tests.scripts.small_tree import Tree, small_tree


@pytest.fixture
def tree() -> Iterator[Tree]:
    """A tree that was never set up."""
    with small_tree() as made:
        yield made


@pytest.fixture(scope="session")
def ready_tree() -> Iterator[Tree]:
    """A tree that is set up. Whoever changes it requires a version of its own."""
    with small_tree() as made:
        subprocess.run([made.setup], env=made.supplied(), stdin=subprocess.DEVNULL, check=True)
        yield made
