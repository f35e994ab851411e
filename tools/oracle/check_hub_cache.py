#!/usr/bin/env python3
"""csm pull and Python's huggingface_hub share one cache, both ways.

    check_hub_cache.py --csm PROGRAM --model FOLDER

A hub on this machine (tests/cli/fake_hub.py) serves the model. What csm pulls,
huggingface_hub finds; what huggingface_hub downloads, csm finds; a download
that one of them left unfinished, the other one goes on with.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
from fake_hub import COMMIT, FakeHub  # noqa: E402

NAME, BIG = "owner/model", "model.safetensors"
NEEDED = ["config.json", "generation_config.json", BIG, "tokenizer.json"]


def check(what, condition):
    if not condition:
        raise SystemExit(f"failed: {what}")
    print(f"ok: {what}")


def csm(program, cache, *arguments, **env):
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True,
        env={**os.environ, "HF_HUB_CACHE": str(cache), **env})


def csm_first(hub, program, cache):
    from huggingface_hub import (scan_cache_dir, snapshot_download,
                                 try_to_load_from_cache)
    done = csm(program, cache, "pull", NAME)
    check("csm pulls", done.returncode == 0)
    found = scan_cache_dir(cache)
    check(f"scan_cache_dir has no warnings: {found.warnings}",
          not found.warnings)
    (repository,) = found.repos
    (revision,) = repository.revisions
    check("scan_cache_dir knows the repository", repository.repo_id == NAME and
          repository.repo_type == "model")
    check("and its revision", revision.commit_hash == COMMIT and
          revision.refs == {"main"})
    check("and its files", sorted(f.file_name for f in revision.files) ==
          sorted(NEEDED))
    check("and their sizes", repository.size_on_disk ==
          sum(len(hub.files[name]) for name in NEEDED))
    check("snapshot_download, offline", snapshot_download(
        NAME, cache_dir=cache, local_files_only=True) ==
        done.stdout.strip())
    check("try_to_load_from_cache", try_to_load_from_cache(
        NAME, BIG, cache_dir=cache) == f"{done.stdout.strip()}/{BIG}")
    hub.forget()
    snapshot_download(NAME, cache_dir=cache, endpoint=hub.url,
                      allow_patterns=NEEDED)
    check("snapshot_download fetches nothing again",
          hub.count("get") + hub.count("store") == 0)


def python_first(hub, program, cache):
    from huggingface_hub import snapshot_download
    folder = snapshot_download(NAME, cache_dir=cache, endpoint=hub.url,
                               allow_patterns=NEEDED)
    done = csm(program, cache, "pull", NAME, HF_HUB_OFFLINE="1")
    check("csm finds what huggingface_hub has downloaded",
          done.stdout.strip() == folder)
    hub.forget()
    done = csm(program, cache, "pull", NAME)
    check("csm pull fetches nothing again", done.returncode == 0 and
          done.stdout.strip() == folder and
          hub.count("get") + hub.count("store") == 0)


def unfinished(hub, program, cache):
    """A part that csm has left, by a break; then one as Python leaves it."""
    from huggingface_hub import snapshot_download
    half = len(hub.files[BIG]) // 2
    hub.rule = lambda r: {"stop": half} if r.kind == "store" else None
    done = csm(program, cache, "pull", NAME, "--retries", 0)
    check("csm breaks off", done.returncode == 1)
    hub.forget()
    folder = snapshot_download(NAME, cache_dir=cache, endpoint=hub.url,
                               allow_patterns=NEEDED)
    check("huggingface_hub goes on with it",
          [r.range for r in hub.requests if r.kind == "store"] ==
          [f"bytes={half}-"])
    check("with the right contents",
          (pathlib.Path(folder) / BIG).read_bytes() == hub.files[BIG])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", default=ROOT / "models/demo",
                        type=pathlib.Path)
    arguments = parser.parse_args()
    program = str(arguments.csm.resolve())
    files = {path.name: path.read_bytes()
             for path in arguments.model.iterdir() if path.is_file()}
    hub = FakeHub(files, large=[BIG])
    os.environ["HF_ENDPOINT"] = hub.url
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    for case in (csm_first, python_first, unfinished):
        hub.forget()
        with tempfile.TemporaryDirectory(prefix="csm-hub-") as cache:
            case(hub, program, cache)
    hub.close()


if __name__ == "__main__":
    main()
