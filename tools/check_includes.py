#!/usr/bin/env python3
"""Checks the include ladder: a part includes only what its DEPS declare.

The rule is read from the csm_part(... DEPS ...) call in each part's
CMakeLists.txt, so that the build and this check cannot differ. Beyond it:
MLX headers only in parts that depend on `mlx`, in kernels only in *_op files,
and no cycle between parts.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
CLAUSE = re.compile(r"\b(NAME|DEPS|LIBS|SRCS|TESTS|TEST_LIBS)\b([^A-Z)]*)")


def declared_deps():
    """Maps each part to the set of its DEPS."""
    deps = {}
    for path in sorted((ROOT / "csm").glob("*/CMakeLists.txt")):
        call = re.search(r"csm_part\((.*?)\)", path.read_text(), re.S)
        if not call:
            continue
        clauses = {m[1]: m[2].split() for m in CLAUSE.finditer(call[1])}
        deps[path.parent.name] = set(clauses.get("DEPS", []))
    return deps


def closure(deps, part, seen=()):
    """All parts that `part` may reach; raises on a cycle."""
    if part in seen:
        raise SystemExit("cycle between parts: " + " -> ".join((*seen, part)))
    reached = set()
    for dep in deps.get(part, ()):
        reached |= {dep} | closure(deps, dep, (*seen, part))
    return reached


def check_file(path, part, allowed):
    """Yields one line per include of `path` that the ladder forbids."""
    is_test = path.stem.endswith("_test") or path.stem == "testing"
    for name in INCLUDE.findall(path.read_text()):
        other = name.split("/")[1] if name.startswith("csm/") else None
        where = f"{path.relative_to(ROOT)}: includes {name}"
        if other and "/" in name[4:] and other != part and other not in allowed:
            yield f"{where}, but part {part} does not list {other} in DEPS"
        if name.startswith("mlx/"):
            if "mlx" not in allowed:
                yield f"{where}, but part {part} does not list mlx in DEPS"
            elif part == "kernels" and not is_test and "_op" not in path.stem:
                yield f"{where}, but kernels use MLX in *_op files only"
        if name.startswith(("cli/", "tests/", "tools/", "bench/")):
            yield f"{where}: the library includes nothing from there"


def main():
    deps = declared_deps()
    if not deps:
        raise SystemExit("no csm_part() found")
    problems = []
    n_files = 0
    for part in deps:
        allowed = closure(deps, part)
        for path in sorted((ROOT / "csm" / part).rglob("*")):
            if path.suffix in (".h", ".cpp", ".inc"):
                n_files += 1
                problems += check_file(path, part, allowed)
    for problem in problems:
        print(problem)
    print(f"include ladder: {len(deps)} parts, {n_files} files, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
