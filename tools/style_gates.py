"""The style gates that ruff does not have: sizes, broad excepts, names of folders, what may stand in ``__init__.py``.

Usage: python tools/style_gates.py FOLDER [FOLDER ...]. Ends with 1 when a rule is broken. Migrations are not looked at.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 600
FUNCTION_LINES = 60
BROAD = frozenset({"Exception", "BaseException"})
BROAD_EXCEPT_IN = ("oncofed/node/agent.py", "oncofed/hub/exchange/desk.py")
"""The loops that must outlive whatever a step does: the node's, and that of the hub's background work."""
BANNED_FOLDERS = frozenset({"utils", "helpers", "common", "misc", "util", "helper"})
RE_EXPORTS = (ast.Import, ast.ImportFrom)
DUNDER_FUNCTIONS = frozenset({"__getattr__", "__dir__"})


def breaches(path: Path) -> Iterator[str]:
    """What one module breaks, each as ``place: rule``."""
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield f"{path}: {lines} lines; a module has at most {MODULE_LINES}"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > FUNCTION_LINES:
            yield f"{path}:{node.lineno}: {node.name} has {body_lines(node)} lines; a function at most {FUNCTION_LINES}"
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not path.as_posix().endswith(BROAD_EXCEPT_IN):
            yield f"{path}:{node.lineno}: broad except; name the errors (allowed: {', '.join(BROAD_EXCEPT_IN)})"
    if path.name == "__init__.py":
        yield from (f"{path}:{node.lineno}: __init__.py only re-exports" for node in tree.body if not re_exports(node))
    if banned := BANNED_FOLDERS & {*path.parts, path.stem}:
        yield f"{path}: no module or folder is called {', '.join(banned)}; name it by what it holds"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Catches everything: no type, ``Exception`` or ``BaseException``, alone or among others, and no raising again."""
    if handler.type is not None:
        named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if not any(isinstance(name, ast.Name) and name.id in BROAD for name in named):
            return False
    last = handler.body[-1]
    return not (isinstance(last, ast.Raise) and last.exc is None)


def re_exports(statement: ast.stmt) -> bool:
    """A docstring, an import, ``__all__`` and its like, or the function that imports lazily, with its table."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Name) and target.id.startswith("_") for target in statement.targets)
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.target, ast.Name) and statement.target.id.startswith("__")
    if isinstance(statement, ast.FunctionDef):
        return statement.name in DUNDER_FUNCTIONS
    if isinstance(statement, ast.If):  # if TYPE_CHECKING: imports
        return all(isinstance(inner, RE_EXPORTS) for inner in statement.body)
    return isinstance(statement, (*RE_EXPORTS, ast.Expr))


def main(folders: list[str]) -> int:
    """Print every breach; 1 if there is any."""
    modules = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    found = [line for path in modules if "migrations" not in path.parts for line in breaches(path)]
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
