"""Reading mapping files: YAML without surprises, ``extends`` resolved, ``each`` written out, then the schema.

What is wrong with a file is said with its place in the file. A file cannot grow when it is read: YAML aliases and
repeated keys are refused.
"""

import re
from collections import Counter
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import nearest
from oncofed.prepare.mapping.codes import CodeMap, read_code_map
from oncofed.prepare.mapping.spec import Mapping
from oncofed.prepare.yaml_text import parsed

PRESETS = Path(__file__).parent / "presets"
_LARGEST = 2_000_000
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


_SURPRISES = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
"""What YAML 1.1 makes of plain words (no, on, 2020-01-01); here only true and false are more than words."""


@dataclass(frozen=True)
class Loaded:
    """A mapping ready for use, with its code maps."""

    mapping: Mapping
    code_maps: dict[str, CodeMap]


class _Loader(yaml.SafeLoader):
    """YAML of plain values: no aliases (which can grow without end), no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = Counter(str(self.construct_object(key, deep=True)) for key, _ in node.value)
        repeated = {key for key, times in keys.items() if times > 1}
        if repeated:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {', '.join(sorted(repeated))} stands there twice")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _SURPRISES or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def preset_names() -> tuple[str, ...]:
    """Names of the mappings that come with oncofed, sorted."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


def load_mapping(mapping: Path | str, *, disputed: str = "") -> Loaded:
    """The mapping in a file, or the preset of that name. ``disputed`` overrides the file's own word.

    Raises ``BadInput``: ``mapping-unknown``, ``mapping-invalid``, ``mapping-cycle``.
    """
    path = _find(mapping, Path.cwd())
    given = _resolved(path, ())
    if disputed:
        given["disputed"] = disputed
    try:
        spec = Mapping.model_validate(given | {"tables": _written_out(given.get("tables", {}))})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = first["msg"].removeprefix("Value error, ")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise BadInput("mapping-invalid", f"{path.name}, {place}: {reason}{more}") from error
    _refuse_cycles(path, spec)
    try:
        maps = {name: read_code_map(code_map, spec.disputed) for name, code_map in spec.code_maps.items()}
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInput("mapping-invalid", f"{path.name}: a code map cannot be read: {error}") from error
    return Loaded(spec, maps)


def _refuse_cycles(path: Path, spec: Mapping) -> None:
    """Relations made of each other must end at one that the source has."""
    made_of = {name: relation.row_of for name, relation in spec.source.relations.items() if relation.row_of}
    for name in made_of:
        way = [name]
        while (below := made_of.get(way[-1])) is not None:
            way.append(below)
            if below in way[:-1]:
                raise BadInput("mapping-cycle", f"{path.name}: relation {' is made of '.join(way)}")


def _find(mapping: Path | str, beside: Path) -> Path:
    for path in (beside / Path(mapping), PRESETS / f"{mapping}.yaml"):
        if path.is_file():
            return path
    near = nearest(preset_names(), str(mapping))
    raise BadInput("mapping-unknown", f"“{mapping}”{f'; did you mean “{near}”?' if near else ''}")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput("mapping-invalid", f"{path.name} is larger than a mapping can be")
        given = parsed(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise BadInput("mapping-invalid", f"{path.name}{place}: {reason}") from error
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise BadInput("mapping-invalid", f"{path.name} holds no mapping")
    return given


def _resolved(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The file's content over that of the file it extends."""
    if path.resolve() in seen:
        raise BadInput("mapping-cycle", " extends ".join(one.name for one in (*seen, path)))
    given = _anchored(_read(path), path)
    base = given.pop("extends", None)
    more = given.pop("more", {})
    if base is not None:
        given = _merged(_resolved(_find(str(base), path.parent), (*seen, path.resolve())), given)
    if not isinstance(more, dict) or not isinstance(given.get("tables", {}), dict):
        raise BadInput("mapping-invalid", f"{path.name}: tables and more hold rules by table")
    for table, rules in more.items():
        given.setdefault("tables", {})[table] = [*given.get("tables", {}).get(table, []), *(rules or [])]
    return given


def _anchored(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """The file's content, the code maps that stand in files named in full: whoever extends it may stand elsewhere."""
    maps, folder = given.get("code_maps"), path.parent.resolve()
    for code_map in maps.values() if isinstance(maps, dict) else ():
        if isinstance(code_map, dict) and isinstance(file := code_map.get("file"), str):
            found = (folder / file).resolve()
            if not found.is_relative_to(folder):
                raise BadInput("mapping-invalid", f"{path.name}: code map {file} is outside the mapping's folder")
            code_map["file"] = str(found)
    return given


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Dictionaries are joined key by key, everything else is replaced."""
    joined = dict(below)
    for key, value in above.items():
        under = joined.get(key)
        joined[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return joined


def _written_out(tables: Any) -> Any:
    """Every rule with ``each`` as one rule per entry."""
    if not isinstance(tables, dict):
        return tables
    written: dict[str, Any] = {}
    for table, rules in tables.items():
        if not isinstance(rules, list):
            raise BadInput("mapping-invalid", f"tables.{table}: needs a list of rules")
        written[table] = [one for place, rule in enumerate(rules) for one in _each(f"{table}.{place}", rule)]
    return written


def _each(where: str, rule: Any) -> list[Any]:
    if not isinstance(rule, dict) or "each" not in rule:
        return [rule]
    entries = rule["each"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput("mapping-invalid", f"tables.{where}.each: needs a list of entries")
    template = {key: value for key, value in rule.items() if key != "each"}
    used = set(_PLACEHOLDER.findall(yaml.safe_dump(template)))
    known = {key for entry in entries for key in entry}
    if strange := sorted(used ^ known):
        raise BadInput("mapping-invalid", f"tables.{where}.each: {', '.join(map(str, strange))} named on one side only")
    return [_filled(template, entry) for entry in entries]


_DROP = object()


def _filled(part: Any, entry: Dictionary[str, Any]) -> Any:
    """A template with its placeholders filled; what an entry does not give falls away, with its key."""
    if isinstance(part, dict):
        filled = {key: _filled(value, entry) for key, value in part.items()}
        return {key: value for key, value in filled.items() if value is not _DROP} or _DROP
    if isinstance(part, list):
        return [one for one in (_filled(value, entry) for value in part) if one is not _DROP]
    if not isinstance(part, str):
        return part
    if whole := _PLACEHOLDER.fullmatch(part):
        return entry.get(whole[1], _DROP)
    if any(name not in entry for name in _PLACEHOLDER.findall(part)):
        return _DROP
    return _PLACEHOLDER.sub(lambda found: str(entry[found[1]]), part)
