"""What can be proved about expressions and names: no side effects, values that never change.

Called by the meaning-preserving changes, which do without a change where nothing is proved. Only
what needs no knowledge of other functions is proved. Programs with classes of their own or with
numpy, whose operators may do anything, have no proofs, nor have those that catch exceptions: where
two things go wrong, a change may decide which is the first.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from generators.perturb.parsed import Parsed, own_nodes

__all__ = ["Effects", "bound_names", "walk_all"]

_SCALAR_CALLS = {"abs", "bin", "bool", "chr", "float", "hex", "int", "len", "oct", "ord", "round"}
_CALLS = _SCALAR_CALLS | {"complex", "divmod", "isinstance", "pow", "range", "repr", "str"}
_ITERATING_CALLS = {"all", "any", "dict", "enumerate", "frozenset", "list", "max", "min"}
_ITERATING_CALLS |= {"reversed", "set", "sorted", "sum", "tuple", "zip"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_HARMLESS = (
    *(ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Subscript, ast.Slice, ast.Starred),
    *(ast.JoinedStr, ast.FormattedValue, ast.Attribute, ast.comprehension, ast.keyword),
    *(ast.Lambda, ast.arguments, ast.arg, *_COMPREHENSIONS),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)
_UNFOLLOWED = (ast.ClassDef, ast.Global, ast.Nonlocal, ast.Try, ast.TryStar)
_TOO_POWERFUL = {"defaultdict", "numpy", "np"}


def walk_all(*roots: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes of several trees."""
    for root in roots:
        yield from ast.walk(root)


def bound_names(tree: ast.AST) -> set[str]:
    """Return every name that a program gives to anything, in any scope."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.alias():
                found.add((node.asname or node.name).partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
    return found


class Effects:
    """What is known of one program's expressions."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        bound = bound_names(parsed.tree)
        self._builtins = set(dir(builtins)) - bound
        self.provable = not any(
            isinstance(node, _UNFOLLOWED)
            or (isinstance(node, ast.Name) and node.id in _TOO_POWERFUL)
            or (isinstance(node, ast.Attribute) and node.attr in _TOO_POWERFUL)
            or (isinstance(node, ast.alias) and node.name in _TOO_POWERFUL)
            for node in ast.walk(parsed.tree)
        )
        self._math = "math" in bound and not self._rebound("math")

    def _rebound(self, name: str) -> bool:
        return any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
            for node in ast.walk(self._parsed.tree)
        )

    def calls_builtin(self, node: ast.AST, *names: str) -> bool:
        """Tell whether a node is a call of one of these builtins."""
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return name in names and name in self._builtins
        return False

    def pure(self, node: ast.AST) -> bool:
        """Tell whether it is proved that nothing changes when an expression is evaluated.

        An iterator that is used up counts as no change here; see :meth:`iterates`.
        """
        return self.provable and all(map(self._harmless, ast.walk(node)))

    def _harmless(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return isinstance(node, _HARMLESS)
        keys = [word.value for word in node.keywords if word.arg in ("key", None)]
        if not all(isinstance(key, ast.Lambda) or self._is_builtin(key) for key in keys):
            return False
        match node.func:
            case ast.Attribute(value=ast.Name(id="math")):
                return self._math
        return self.calls_builtin(node, *_CALLS, *_ITERATING_CALLS)

    def _is_builtin(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self._builtins & _CALLS

    def iterates(self, node: ast.AST) -> bool:
        """Tell whether a pure expression, or an assignment of one, may use an iterator up."""
        for part in ast.walk(node):
            match part:
                case ast.Call(func=ast.Attribute()) | ast.Starred() | ast.comprehension():
                    return True
                case ast.Call() if self.calls_builtin(part, *_ITERATING_CALLS):
                    return True
                case ast.Compare() if any(isinstance(op, ast.In | ast.NotIn) for op in part.ops):
                    return True
                case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
                    if not isinstance(value, ast.Tuple):
                        return True
        return False

    def scalars(self, scope: ast.AST) -> set[str]:
        """Return the local variables of a function that only ever hold numbers, texts or ``None``.

        Every name that is bound in one way alone is supposed to be one until a binding says
        otherwise; what is left at the end is proved by induction over the bindings.
        """
        if not self.provable or not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            return set()
        bindings: dict[str, list[ast.AST]] = {}
        other = {node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)}
        plain = set()
        for node in own_nodes(scope):
            match node:
                case ast.Assign(targets=[ast.Name() as name]):
                    bindings.setdefault(name.id, []).append(node.value)
                    plain.add(name)
                case ast.AugAssign(target=ast.Name() as name):
                    bindings.setdefault(name.id, []).append(
                        ast.BinOp(left=ast.Name(id=name.id), op=node.op, right=node.value)
                    )
                    plain.add(name)
                case ast.For(target=ast.Name() as name) if self.calls_builtin(node.iter, "range"):
                    bindings.setdefault(name.id, []).append(ast.Constant(value=0))
                    plain.add(name)
        other |= {
            node.id
            for node in ast.walk(scope)
            if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store | ast.Del)
            and node not in plain
        }
        supposed = set(bindings) - other
        while True:
            proved = {
                name
                for name in supposed
                if all(self._scalar(value, supposed) for value in bindings[name])
            }
            if proved == supposed:
                return proved
            supposed = proved

    def _scalar(self, node: ast.AST, names: set[str]) -> bool:
        match node:
            case ast.Constant(value=value):
                return value is None or isinstance(value, int | float | complex | str)
            case ast.Name(id=name):
                return name in names
            case ast.UnaryOp(operand=operand):
                return isinstance(node.op, ast.Not) or self._scalar(operand, names)
            case ast.IfExp():
                return self._scalar(node.body, names) and self._scalar(node.orelse, names)
            case ast.BinOp(left=left, right=right):
                sides = [self._scalar(left, names), self._scalar(right, names)]
                # 2 * [0] is a list; no other operator makes one of a number or a text
                return all(sides) if isinstance(node.op, ast.Mult) else any(sides)
            case ast.Call():
                return self.calls_builtin(node, *_SCALAR_CALLS)
        return False
