"""Keeps tests/data/MANIFEST: one line per fixture, sorted by path.

Line: path | script | versions | seed | sha256
"""

import fcntl
import hashlib
import importlib.metadata
import pathlib
import platform

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "tests" / "data" / "MANIFEST"


def _line(path, script, packages, seed):
    versions = [f"python {platform.python_version()}"]
    versions += [f"{p} {importlib.metadata.version(p)}" for p in packages]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = path.resolve().relative_to(MANIFEST.parent).as_posix()
    tool = pathlib.Path(script).resolve().relative_to(ROOT).as_posix()
    return f"{name} | {tool} | {', '.join(versions)} | {seed} | {digest}"


def record(paths, script, packages=(), seed="-"):
    """Adds or replaces the lines of the given fixtures."""
    paths = [pathlib.Path(p) for p in paths]
    if any(MANIFEST.parent not in p.resolve().parents for p in paths):
        return  # written elsewhere, not a fixture
    MANIFEST.touch()
    with open(MANIFEST, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = {l.split(" | ")[0]: l for l in file.read().splitlines() if l}
        lines = {k: l for k, l in lines.items()
                 if (MANIFEST.parent / k).exists()}
        for path in paths:
            line = _line(path, script, packages, seed)
            lines[line.split(" | ")[0]] = line
        file.seek(0)
        file.truncate()
        file.write("".join(lines[k] + "\n" for k in sorted(lines)))
