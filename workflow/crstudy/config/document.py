"""Write the default configuration, its JSON schema and its reference page from the models."""

import json
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from crstudy.config.study import Study

HEAD = "Written by `make config` from the models in workflow/crstudy/config: edit there."


def default_yaml() -> str:
    """Return ``config/config.yaml``: every key with its default, unit and meaning."""
    return "\n".join([f"# {HEAD}", *_yaml_lines(Study, Study().model_dump(mode="json"), "")]) + "\n"


def _yaml_lines(section: type[BaseModel], values: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for name, field in section.model_fields.items():
        lines.append(f"{indent}# {_meaning(field)}")
        if _is_section(field):
            lines += [f"{indent}{name}:"]
            lines += _yaml_lines(field.annotation, values[name], indent + "  ")
        else:
            text = yaml.safe_dump(values[name], default_flow_style=True, width=1000)
            lines.append(f"{indent}{name}: {text.removesuffix('...' + chr(10)).strip()}")
    return lines


def reference_page() -> str:
    """Return ``config/README.md``: a table of keys per section."""
    lines = [
        "# Configuration reference",
        "",
        HEAD,
        "",
        "A study's file (`--configfile`) names only what differs from these defaults; single keys",
        "can be set with `--config key=value`. The merged configuration of a run is kept in",
        "`results/<dataset>/run/config.yaml`.",
        "",
        "A configuration file can run code: Snakemake executes the Python in one that sets",
        "`__use_yte__`, even in a dry run; so do profiles. Read the files of others before use.",
    ]
    return "\n".join(lines + _page_lines(Study, "")) + "\n"


def _page_lines(section: type[BaseModel], prefix: str) -> list[str]:
    schema = section.model_json_schema()["properties"]
    lines = ["", f"## {prefix.rstrip('.') or 'Top level'}", "", str(section.__doc__), ""]
    lines += ["| key | type | unit | default | meaning |", "|---|---|---|---|---|"]
    below: list[str] = []
    defaults = section.model_construct().model_dump(mode="json")
    for name, field in section.model_fields.items():
        if _is_section(field):
            below += _page_lines(field.annotation, f"{prefix}{name}.")
            continue
        if "$ref" in schema[name].get("items", {}):
            below += _page_lines(get_args(field.annotation)[0], f"{prefix}{name}[].")
        default = "required" if field.is_required() else json.dumps(defaults[name])
        unit = field.json_schema_extra["unit"]
        kind = _kind(schema[name]).replace("|", "\\|")
        lines.append(f"| `{prefix}{name}` | {kind} | {unit} | `{default}` | {field.description} |")
    return lines + below


def _kind(schema: dict[str, Any]) -> str:
    """Describe a type and its limits."""
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"{schema['maxItems']} x {_kind(schema['prefixItems'][0])}"
        inner = schema["items"]
        count = f"list of up to {schema['maxItems']}"
        return f"{count} sections, see below" if "$ref" in inner else f"{count} x {_kind(inner)}"
    signs = {
        "minimum": ">=",
        "exclusiveMinimum": ">",
        "maximum": "<=",
        "exclusiveMaximum": "<",
        "pattern": "like",
    }
    limits = " ".join(f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema)
    return " ".join([schema.get("format") or schema["type"], limits]).strip()


def _meaning(field: Any) -> str:
    unit = field.json_schema_extra["unit"]
    return field.description + (f" [{unit}]" if unit else "")


def _is_section(field: Any) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def documents() -> dict[str, str]:
    """Return the text of every generated document by its path in the project."""
    return {
        "config/config.yaml": default_yaml(),
        "config/README.md": reference_page(),
        "workflow/schemas/config.schema.json": json.dumps(Study.model_json_schema(), indent=2)
        + "\n",
    }


if __name__ == "__main__":
    for path, text in documents().items():
        Path(path).write_text(text, encoding="utf-8")
