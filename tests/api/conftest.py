import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from host import ACME, SHARED, Host  # noqa: E402


@pytest.fixture(scope="module")
def cxd(tmp_path_factory):
    """One running host with the plugin `acme` for the tests of a module."""
    with Host(tmp_path_factory.mktemp("cxd"), plugins={"acme": ACME}) as host:
        yield host


@pytest.fixture
def shared():
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED} (set CXD_SHARED)")
    return SHARED
