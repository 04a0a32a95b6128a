"""What somebody sends as proof is compared in constant time or looked up by its digest: time is no help."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.sources import ROOT, modules, parse, shown

#: The rooms that are handed proofs, and the modules of `app` that know whose they are.
ROOMS = ("accounts", "ingest", "management")
MODULES = ("app/admitting.py", "app/entering.py", "app/issuing.py")
PROOF = re.compile(
    r"(^|_)(csrf|credential|digest|hash|mac|passphrase|password|proof|secret|signature|token|write_key)s?($|_)"
)
#: Both are what the store holds of one user: whether the password was changed meanwhile.
BOTH_KEPT = {"now.password != row.password"}
LOOKING = [
    path
    for path in modules()
    if path.relative_to(ROOT).parts[:1] == ("gainstage",)
    and (path.relative_to(ROOT).parts[1] in ROOMS or shown(path).endswith(MODULES))
]


@pytest.mark.parametrize("path", LOOKING, ids=shown)
def test_proofs_are_compared_in_constant_time_or_by_digest(path: Path) -> None:
    wrong = [f"{shown(path)}:{line} {text}" for line, text in telling(parse(path)) if text not in BOTH_KEPT]
    assert not wrong, f"use hmac.compare_digest, or look a digest up: {', '.join(wrong)}"


def test_every_module_that_is_named_is_there() -> None:
    assert [name for name in MODULES if not (ROOT / "gainstage" / name).exists()] == []


@pytest.mark.parametrize("module", ["management/access.py", "management/entrance.py"])
def test_tokens_that_are_kept_in_memory_are_compared_by_compare_digest(module: str) -> None:
    tree = parse(ROOT / "gainstage" / module)
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_name(node.func)}
    assert "compare_digest" in called


@pytest.mark.parametrize(
    ("source", "tells"),
    [
        ("token == self._token", True),
        ("given != row.password", True),
        ("write_key in source.old_write_keys", True),
        ("digest_of(proof) == kept", True),
        ("sha256(token).digest() != self._digest", True),
        ("match_on(csrf_token) or csrf == wanted", True),
        ("token is None", False),
        ("digest in self._old", False),
        ("digest not in self._by_digest", False),
        ("len(token) > TOKEN_CHARACTERS", False),
        ("kind == 'token'", False),
        ("secret == ''", False),
        ("compare_digest(given, wanted)", False),
        ("key == name", False),
    ],
)
def test_comparing_that_tells_is_known(source: str, tells: bool) -> None:
    assert bool(list(telling(ast.parse(source)))) is tells


def telling(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Comparisons whose time may tell how much of a proof is right."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for left, kind, right in zip(
                (node.left, *node.comparators), node.ops, node.comparators, strict=False
            ):
                if is_telling(left, kind, right):
                    yield node.lineno, ast.unparse(node)


def is_telling(left: ast.expr, kind: ast.cmpop, right: ast.expr) -> bool:
    if isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
        return False  # neither side is a secret that was given to somebody
    if isinstance(kind, ast.Eq | ast.NotEq):
        return is_proof(left) or is_proof(right)
    if isinstance(kind, ast.In | ast.NotIn):  # a digest is looked up by its hash, which is nobody's to choose
        return is_proof(left) and "digest" not in name_of(left)
    return False


def is_proof(side: ast.expr) -> bool:
    return PROOF.search(name_of(side)) is not None


def name_of(side: ast.expr) -> str:
    """By what name a value is called: a variable's, an attribute's, that of the function that made it."""
    match side:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Name(id="len")):
            return ""
        case ast.Call(func=made):
            return name_of(made)
        case ast.Subscript(value=whole):
            return name_of(whole)
        case ast.Await(value=awaited):
            return name_of(awaited)
    return ""


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)
