"""Sphinx: the Markdown pages of the repository and a reference of the library. See `make docs`."""

project = "crstudy"
author = "The crstudy authors"
copyright = f"2026, {author}"

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx.ext.viewcode",
]
# The root of the repository is the source folder, so that links work here and on a code host.
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "config/README.md", "docs/**"]
exclude_patterns = ["docs/_build", "docs/api/modules.rst"]

apidoc_modules = [
    {
        "path": "../workflow/crstudy",
        "destination": "docs/api",
        "module_first": True,
        "max_depth": 1,
        "automodule_options": {"members"},
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# numpydoc 1.11 returns signatures for aliases, on which the new autodoc of Sphinx 9.0 stumbles.
autodoc_use_legacy_class_based = True
numpydoc_show_class_members = False
toc_object_entries = False

myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "crstudy"
html_theme_options = {"show_prev_next": False, "navbar_center": []}
templates_path = ["site"]
# The reports of `make docs`, which are no pages of Sphinx.
html_sidebars = {"**": ["globaltoc.html", "reports.html"]}
html_show_sourcelink = False
html_extra_path = ["site/index.html"]
html_static_path = ["site/style.css"]
html_css_files = ["style.css"]

CONTENTS = """
```{toctree}
:hidden:
:caption: Study
docs/results
docs/definitions
docs/methods
docs/nets
docs/refinement
docs/simulator
docs/archive
```

```{toctree}
:hidden:
:caption: Running
docs/install
docs/clean
docs/running
config/README
docs/outputs
docs/cluster
docs/scaling
docs/inference
docs/reproducibility
docs/trials
```

```{toctree}
:hidden:
:caption: Code
docs/developing
docs/api/crstudy
CHANGELOG
```
"""


def setup(app):
    """Append the table of contents to the front page, which code hosts show without it."""
    app.connect("source-read", add_contents)


def add_contents(app, name, source):
    """Change the source of a page in place."""
    if name == root_doc:
        source[0] += CONTENTS
