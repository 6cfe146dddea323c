"""The modules that a script depends on, however deep in packages and however imported."""

import pytest

from crstudy.pipeline.dependencies import sources
from project import ROOT, script


def found(library, path):
    return {str(one.relative_to(library)) for one in sources(path, library)}


@pytest.fixture
def library(tmp_path):
    files = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/one.py": "import crstudy.a.deep.two as two\n",
        "a/deep/__init__.py": "from crstudy.b import three\n",
        "a/deep/two.py": "def lazy():\n    from crstudy.b.four import (\n        f,\n    )\n",
        "b/__init__.py": "",
        "b/three.py": "",
        "b/four.py": "import numpy\n",
        "b/unused.py": "import crstudy.a.one\n",
    }
    for name, text in files.items():
        path = tmp_path / "crstudy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "crstudy"


def test_imports_are_followed_through_packages(library, tmp_path):
    user = tmp_path / "user.py"
    user.write_text("from crstudy.a import one as other\n", encoding="utf-8")
    everything = {str(path.relative_to(library)) for path in library.rglob("*.py")}
    assert found(library, user) == everything - {"__init__.py", "b/unused.py"}


def test_relative_import_is_refused(library, tmp_path):
    user = tmp_path / "user.py"
    user.write_text("from crstudy.b import three\n", encoding="utf-8")
    (library / "b/three.py").write_text("from . import four\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"three.py: relative import"):
        sources(user, library)


def test_script_of_table1_uses_three_packages():
    modules = found(ROOT / "workflow/crstudy", script("make_table1"))
    assert {"core/__init__.py", "core/errors.py", "core/job.py", "metrics/table1.py"} <= modules
    assert {name.split("/")[0] for name in modules} == {"core", "data", "metrics"}
