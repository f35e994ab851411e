#!/usr/bin/env python3
"""Checks that the files which documents and "Exact:" comments name exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOP = "csm|cli|cmake|docs|models|scripts|tests|tools|bench|bindings"
PATH = re.compile(rf"\b((?:{TOP})/[\w./-]*[\w/])(?![\w*<])")


def documents():
    """Markdown files, and headers, whose comments claim tests."""
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md"))
    yield from sorted((ROOT / "docs").glob("*.md"))
    yield from sorted((ROOT / "csm").rglob("*.h"))


def main():
    problems = []
    count = 0
    for path in documents():
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if path.suffix == ".h" and "///" not in line:
                continue
            for name in PATH.findall(line):
                count += 1
                if not (ROOT / name).exists() and \
                        not any(ROOT.glob(name + "*")):
                    problems.append(f"{path.relative_to(ROOT)}:{number}: "
                                    f"{name} does not exist")
    for problem in problems:
        print(problem)
    print(f"docs: {count} paths, {len(problems)} problems")
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
