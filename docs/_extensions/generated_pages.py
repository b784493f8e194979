"""Write the reference pages of settings, rules, commands and the public API from what the code itself says.

Settings come from the types of `contextual_anomaly.config` and the comments of `config.yaml`, rules from their
docstrings in `rules/`, commands from the Typer application, and the API from `contextual_anomaly.__all__`. The pages are
written into `docs/reference/generated/` before Sphinx reads the sources; nothing in them is typed by hand.
"""

import inspect
import json
import re
import textwrap
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]


def setup(app) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "reference" / "generated"))
    return {"parallel_read_safe": True}


def write_pages(folder: Path) -> None:
    """Write all generated pages into ``folder``; a page that does not change keeps its time."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "settings.md": settings_page,
        "rules.md": rules_page,
        "commands.md": commands_page,
        "summary.md": summary_page,
        "model_cards.md": model_cards_page,
        "api.md": api_page,
    }
    for name, page in pages.items():
        text = page()
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


# Settings


def comments_of(text: str) -> dict[tuple[str, ...], str]:
    """Return the comment above each key of a YAML text, by the path of the key."""
    lines = text.splitlines()
    found = {}

    def visit(node: yaml.Node, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.SequenceNode):
            for child in node.value:
                visit(child, path)
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            number = key.start_mark.line - 1
            above: list[str] = []
            while number >= 0 and lines[number].strip().startswith("#"):
                above.insert(0, lines[number].strip().lstrip("# "))
                number -= 1
            comment = " ".join(above)
            if comment and not comment.startswith(("yaml-language-server", "Every setting")):
                found.setdefault((*path, key.value), comment)
            visit(value, (*path, key.value))

    visit(yaml.compose(text), ())
    return found


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the Pydantic models that an annotation names, however deep."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def allowed(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return in words what a JSON schema allows."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(allowed(part, definitions) for part in schema["anyOf"])
    if "allOf" in schema:
        return allowed(schema["allOf"][0], definitions)
    if schema.get("type") == "array":
        return f"list of {allowed(schema['items'], definitions)}"
    if schema.get("type") == "object":
        return "mapping"
    words = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema and abs(schema[key]) < 2**31
    ]
    return words[schema["type"]] + (" " + ", ".join(bounds) if bounds else "")


def shown(value: Any) -> str:
    """Return a default as YAML writes it."""
    text = yaml.safe_dump(plain(value), default_flow_style=True, width=10_000, allow_unicode=True)
    return "`" + text.replace("\n...", "").strip() + "`"


def plain(value: Any) -> Any:
    """Return a value without enums and models."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.value if isinstance(value, Enum) else value


def settings_page() -> str:
    """Return the page of all settings."""
    from contextual_anomaly.config import Configuration
    from contextual_anomaly.models.registry import configurable_families

    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    comments = comments_of(text)
    defaults = yaml.safe_load(text)
    schema = Configuration.model_json_schema()
    definitions = schema["$defs"]

    def rows(model: type[BaseModel], path: tuple[str, ...], values: dict[str, Any], prefix: str) -> list[list[str]]:
        properties = definitions[model.__name__]["properties"] if model is not Configuration else schema["properties"]
        found = []
        for name, field in model.model_fields.items():
            inner = models_in(field.annotation)
            if len(inner) == 1 and inner[0] is field.annotation:
                found += rows(inner[0], (*path, name), values.get(name) or {}, f"{prefix}{name}.")
            else:
                default = shown(values[name]) if name in values and not inner else "see config.yaml" if inner else ""
                meaning = comments.get((*path, name), "")
                found.append(setting_row(prefix + name, default, meaning, allowed(properties[name], definitions)))
        return found

    head = ["setting", "default", "meaning"]
    parts = [
        "# Settings\n",
        "A run reads its settings from `config.yaml`, then from each file that is given with `--configfile`, then from "
        "`--config` on the command line; each overrides the one before. What your file leaves out keeps the default. "
        "An unknown setting, a wrong type or a value out of bounds is an error that names the setting.\n",
        "This page is generated from `src/contextual_anomaly/config.py` (types and bounds) and `config.yaml` (defaults "
        "and comments).\n",
    ]
    top = []
    for name, field in Configuration.model_fields.items():
        if name == "models":
            continue
        inner = models_in(field.annotation)
        if not inner:
            properties = schema["properties"]
            values = allowed(properties[name], definitions)
            top.append(setting_row(name, shown(defaults[name]), comments.get((name,), ""), values))
            continue
        body = table(head, rows(inner[0], (name,), defaults.get(name) or {}, f"{name}."))
        parts += [f"## {name}\n", (comments.get((name,)) or inspect.getdoc(inner[0]) or "") + "\n", body]
        for entry in [model for f in inner[0].model_fields.values() for model in listed_models(f.annotation)]:
            key = next(k for k, f in inner[0].model_fields.items() if entry in models_in(f.annotation))
            parts += [f"Each entry of `{name}.{key}`:\n", entry_table(entry, definitions)]
    parts.insert(3, table(head, top))
    parts += [
        "## models\n",
        f"{comments[('models',)]} What a model can be told depends on its `family`. A new family brings its own "
        "settings, see [how to add a family](../../extend/family.md).\n",
    ]
    for module in configurable_families().values():
        name = family_name(module)
        configured = {key: value for key, value in defaults["models"].items() if value["family"] == name}
        first = next(iter(configured), None)
        parts.append(f"### {name}\n")
        if configured:
            listed = ", ".join(f"`{key}`" for key in configured)
            parts.append(f"{comments.get(('models', first), '')} In config.yaml: {listed}.\n")
        else:
            parts.append(
                f"{(inspect.getdoc(module) or '').splitlines()[0]} No model of config.yaml is of this family.\n"
            )
        properties = module.Settings.model_json_schema()
        found = []
        for field, about in module.Settings.model_fields.items():
            if field == "family":
                continue
            values = list(dict.fromkeys(shown(value[field]) for value in configured.values() if field in value))
            meaning = next((comments[("models", k, field)] for k in configured if ("models", k, field) in comments), "")
            if not configured:  # in no default configuration: the family says itself what its settings mean
                values, meaning = [shown(about.get_default())], about.description or ""
            values_allowed = allowed(properties["properties"][field], properties.get("$defs", {}))
            found.append(setting_row(f"models.NAME.{field}", " / ".join(values), meaning, values_allowed))
        parts.append(table(head, found) if found else "This family has no settings.\n")
    return "\n".join(parts)


def setting_row(name: str, default: str, meaning: str, values: str) -> list[str]:
    """Return the row of one setting."""
    return [f"`{name}`", default, meaning if values == "text" else f"{meaning} ({values})".strip()]


def family_name(module: Any) -> str:
    """Return the name by which a configuration chooses a family."""
    annotation = module.Settings.model_fields["family"].annotation
    return get_args(annotation)[0] if get_origin(annotation) is Literal else str(annotation)


def listed_models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that are entries of a list or of a mapping."""
    if get_origin(annotation) in (list, dict):
        return models_in(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return [model for part in get_args(annotation) for model in listed_models(part)]
    return []


def entry_table(model: type[BaseModel], definitions: dict[str, Any]) -> str:
    """Return the table of the fields of one entry of a list."""
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else shown(field.get_default())
        rows.append([f"`{name}`", default, allowed(definitions[model.__name__]["properties"][name], definitions)])
    return table(["field", "default", "allowed"], rows)


# Rules


def rules_page() -> str:
    """Return the page of all rules, one section a file of ``rules/``."""
    parts = [
        "# Rules\n",
        "Each rule runs one [command](commands.md). A target of the workflow is a rule without wildcards or any file: "
        "`snakemake --cores all FILE`. This page is generated from the docstrings in `rules/`.\n",
    ]
    for path in sorted((ROOT / "rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        rules = re.findall(r'^ *(?:rule|checkpoint) (\w+):\n\s+(?:r?"""(.*?)""")?', text, re.MULTILINE | re.DOTALL)
        if not rules:
            continue
        first = re.match(r"((?:#.*\n)+)", text)
        about = " ".join(line.lstrip("# ") for line in first[1].splitlines()) if first else ""
        parts += [f"## {path.stem}\n", about + "\n"]
        rows = [[f"`{name}`", " ".join(docstring.split())] for name, docstring in rules]
        parts.append(table(["rule", "what it does"], rows))
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    targets = re.findall(r"^rule (\w+):", snakefile, re.MULTILINE)
    parts += ["## Targets\n", "The Snakefile names these parts: " + ", ".join(f"`{t}`" for t in targets) + ".\n"]
    return "\n".join(parts)


# Commands


def commands_page() -> str:
    """Return the page of all sub-commands with their options."""
    from typer.main import get_command

    from contextual_anomaly.cli import COMMANDS, application

    root = get_command(application(COMMANDS))
    parts = [
        "# Commands\n",
        "`contextual-anomaly COMMAND --help` says the same in a terminal. This page is generated from the application "
        "itself.\n",
    ]
    groups: dict[str, list] = {}
    for command in root.commands.values():
        if not command.hidden:
            groups.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(command)
    for panel, commands in groups.items():
        if len(groups) > 1:
            parts.append(f"## {panel}\n")
        for command in commands:
            parts += [f"### {command.name}\n" if len(groups) > 1 else f"## {command.name}\n", help_of(command)]
    return "\n".join(parts)


def help_of(command: Any) -> str:
    """Return the text and the table of options of a command."""
    text = inspect.cleandoc(command.help or "").replace("\f", "")
    rows = []
    for option in command.params:
        if getattr(option, "hidden", False) or option.name == "help":
            continue
        is_argument = option.param_type_name == "argument"
        names = option.name.upper() if is_argument else ", ".join([*option.opts, *option.secondary_opts])
        unset = option.default is None or option.default is False or callable(option.default)
        default = "" if unset else str(default_of(option.default))
        rows.append(
            [f"`{names}`", "required" if option.required else f"`{default}`" if default else "", option.help or ""]
        )
    return f"{text}\n\n" + (table(["option", "default", "meaning"], rows) if rows else "")


def default_of(value: Any) -> Any:
    """Return a default as it is typed: an enum's value, and a list without brackets."""
    if isinstance(value, list | tuple):
        return " ".join(str(default_of(part)) for part in value)
    return getattr(value, "value", value)


# Figures of a run


def summary_page() -> str:
    """Return the page of the names in summary.json, which is the docstring of the module that writes it."""
    from contextual_anomaly.report import summary

    return (
        "# Figures of a run: summary.json\n\n"
        f"{inspect.getdoc(summary)}\n\n"
        "[`contextual-anomaly summary-table`](commands.md) prints the figures of one run or of several as a table, such as "
        "those of [the results on COCO](../../results.md). This page is generated from the docstring of "
        "`contextual_anomaly.report.summary`.\n"
    )


# Model cards


def model_cards_page() -> str:
    """Return the cards of the models that come with the package."""
    from contextual_anomaly import pretrained
    from contextual_anomaly.pretrained import cards

    parts = [
        "# Model cards\n",
        "The [models that come with the package](../../pretrained.md), from the cards beside them, which "
        "`contextual-anomaly models show` prints.\n",
    ]
    for name in pretrained.names():
        card = cards.read_packaged(pretrained.find(name)).card
        data = card["data"]
        parts.append(f"## {name}\n")
        rows = [
            ["family", card["family"]],
            ["classes", str(card["classes"])],
            ["file", f"{card['size'] / 1e6:.2f} MB, half precision, SHA-256 `{card['sha256']}`"],
            ["data", f"{data['name']}. {data['licence']}"],
            ["images", f"{data['images_fitted']:,} fitted, {data['images_held_out']:,} held out"],
            ["half precision", f"changes no figure by more than {card['precision']['largest_change']:.1g}"],
            *([f"settings of {model}", f"`{json.dumps(value)}`"] for model, value in card["settings"].items()),
        ]
        parts.append(table(["", ""], rows))
        parts.append(f"Figures on {data['evaluated_on']}, by the corrected protocol, with 95 % intervals:\n")
        figures = [
            [
                one["meaning"],
                f"{one['value']:.4f}",
                "" if one["low"] is None else f"{one['low']:.4f} to {one['high']:.4f}",
            ]
            for one in card["figures"]
        ]
        parts.append(table(["figure", "value", "interval"], figures))
        for one in card["calibrations"]:
            origin = f"Behind {one['detector']}" if one["detector"] else "On annotations"
            parts.append(
                f"{origin}: calibrated on {one['objects']:,} classes in {one['images']:,} held-out images; no p-value is "
                f"below {one['smallest']:.2g}.\n"
            )
            if one["held_out_rates"]:
                parts.append(table(*false_alarms(one["held_out_rates"])))
    return "\n".join(parts)


def false_alarms(rates: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of promised and realised rates."""
    return ["flagged as", "promised", "flagged", "of", "rate", "interval"], [
        [
            one["kind"],
            f"{one['promised']:g}",
            f"{one['flagged']:,}",
            f"{one['cases']:,}",
            f"{one['rate']:.4f}",
            f"{one['low']:.4f} to {one['high']:.4f}",
        ]
        for one in rates
    ]


# API


def api_page() -> str:
    """Return the page of the public names of the package."""
    import contextual_anomaly

    names = [name for name in getattr(contextual_anomaly, "__all__", []) if not name.startswith("__")]
    parts = [
        "# Python API\n",
        "Everything here is imported from the package itself: `import contextual_anomaly as ca`. Names that are not on "
        "this page may change without notice.\n",
    ]
    if names:
        parts.append("## Public names\n")
    for name in names:
        value = getattr(contextual_anomaly, name)
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
        options = "\n   :members:" if kind == "autoclass" else ""
        parts.append(f"### {name}\n\n```{{eval-rst}}\n.. {kind}:: contextual_anomaly.{name}{options}\n```\n")
    parts += ["## Tables\n", textwrap.dedent(
        """\
        The stages share these tables; `contextual_anomaly.tables` holds each schema once, and checks it on write and on
        read.
        """
    )]  # fmt: skip
    parts += tables_of_columns()
    return "\n".join(parts)


def tables_of_columns() -> list[str]:
    """Return a section for each schema of `contextual_anomaly.tables`, with the comments of its columns."""
    import pyarrow as pa

    from contextual_anomaly import tables

    source = inspect.getsource(tables)
    parts = []
    for name, schema in vars(tables).items():
        if not isinstance(schema, pa.Schema):
            continue
        block = source.split(f"\n{name} = ", 1)[1]
        document = re.search(r'"""(.*?)"""', block, re.DOTALL)
        body = block[: document.start()] if document else block
        comments = dict(re.findall(r'"(\w+)": [^#\n]*# (.*)', body))
        rows = [[f"`{field.name}`", f"`{field.type}`", comments.get(field.name, "")] for field in schema]
        about = " ".join(document[1].split()) if document else ""
        parts += [f"### {name}\n", about + "\n", table(["column", "type", "meaning"], rows)]
    return parts
