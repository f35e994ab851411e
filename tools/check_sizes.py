#!/usr/bin/env python3
"""Checks that source files and functions stay small enough to read.

Limits: 500 lines a file (300 a header), 80 lines a function, 80 columns.
Functions are found by their braces at the indentation that clang-format gives
(namespace level and one class level), which is enough for this tree.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("csm", "cli", "tests", "bench", "bindings")
MAX_FILE = {".h": 300, ".cpp": 500}
MAX_FUNCTION = 80
MAX_COLUMNS = 80

# path -> reason. Every exemption needs one.
EXEMPT = {}

NOT_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|#|//|constexpr .*=|"
    r"const .*=|static const .*=|}|public|private|protected|TYPED_TEST_SUITE)")


def long_functions(lines):
    """Yields (first line, length) of functions beyond the limit."""
    start = None
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        if (start is None and line.rstrip().endswith("{") and indent <= 2
                and not NOT_FUNCTION.match(line)):
            start = (number, indent)
        elif start and line.startswith(" " * start[1] + "}"):
            length = number - start[0] + 1
            if length > MAX_FUNCTION:
                yield start[0], length
            start = None


def check(path):
    name = str(path.relative_to(ROOT))
    if name in EXEMPT:
        return
    lines = path.read_text().splitlines()
    limit = MAX_FILE[path.suffix]
    if len(lines) > limit:
        yield f"{name}: {len(lines)} lines, limit {limit}"
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and "http" not in line:
            yield f"{name}:{number}: {len(line)} columns, limit {MAX_COLUMNS}"
    for number, length in long_functions(lines):
        yield f"{name}:{number}: function of {length} lines, " \
              f"limit {MAX_FUNCTION}"


def main():
    paths = [path for folder in FOLDERS if (ROOT / folder).is_dir()
             for path in sorted((ROOT / folder).rglob("*"))
             if path.suffix in MAX_FILE]
    problems = [problem for path in paths for problem in check(path)]
    for problem in problems:
        print(problem)
    print(f"sizes: {len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
