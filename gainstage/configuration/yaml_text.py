"""YAML as the configuration uses it: safe, without duplicate keys, with the line of every key.

Plain words are read as YAML 1.2 does, not 1.1: `no`, `on`, `0123` and `2026-01-31` are texts, so that a key
or a tenant id arrives as it was written.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from gainstage.configuration.places import extend

LIMIT_NODES = 100_000


class Parsed(NamedTuple):
    """What a YAML text holds, and the line of every place in it."""

    value: Any
    lines: dict[str, int]


class YamlError(Exception):
    """The text is no YAML that a configuration can be. `line` is 0 where none is known."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        super().__init__(problems)
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain words of YAML 1.2."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which puts in quotes what either version of YAML would not read as a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?[0-9]*\.[0-9]+([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    for _reader in (_Loader, _Dumper):
        _whole = re.compile(rf"(?:{_pattern})\Z")
        _reader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, list(_first))


def dump(value: Any) -> str:
    """The value as YAML that `parse` reads back, keys in the order given."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def parse(text: str) -> Parsed:
    """Read one YAML document.

    Raises:
        YamlError: it cannot be read; every duplicate key is named.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Parsed(None, {})
        lines: dict[str, int] = {}
        duplicates = list(_walk(node, "", lines, [], [0]))
        if duplicates:
            raise YamlError(duplicates)
        return Parsed(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        raise YamlError([_told(error)]) from None
    except yaml.YAMLError as error:
        told = getattr(error, "reason", None) or "it holds characters that YAML does not allow"
        raise YamlError([(0, f"not valid YAML: {told}")]) from None
    finally:
        if loader:
            loader.dispose()


def _told(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "it cannot be read"
    return (mark.line + 1 if mark else 0), f"not valid YAML: {what}"


def _walk(
    node: yaml.Node, place: str, lines: dict[str, int], inside: list[yaml.Node], seen: list[int]
) -> Iterator[tuple[int, str]]:
    """Note the line of every place; yield the duplicate keys. Aliases are followed, within limits."""
    seen[0] += 1
    line = node.start_mark.line + 1
    if any(node is outer for outer in inside) or seen[0] > LIMIT_NODES:
        raise YamlError([(line, "an alias leads back to itself, or the file is too large")])
    lines.setdefault(place, line)
    inside.append(node)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, extend(place, index), lines, inside, seen)
    elif isinstance(node, yaml.MappingNode):
        names: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError([(line, "a key must be a word, not a list or a mapping")])
            within = place
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"  # a track name such as `404` is a name
                within = extend(place, name)
            if within != place and name in names:
                yield line, f"{within}: this key stands here twice; its first one is in line {names[name]}"
            names.setdefault(name, line)
            lines.setdefault(within, line)
            yield from _walk(value, within, lines, inside, seen)
    inside.pop()
