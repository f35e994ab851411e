#!/usr/bin/env python3
"""The server with OpenAI's client for JavaScript (scripts/setup --browser).

    node_test.py --csm PROGRAM --node PROGRAM --modules FOLDER
"""

import os
import subprocess

from serving import Server, main

SCRIPT = os.path.join(os.path.dirname(__file__), "openai_sdk.mjs")


def run(given, check):
    with Server(given.csm) as server:
        done = subprocess.run(
            [given.node, SCRIPT, f"http://{server.host}:{server.port}",
             given.modules], capture_output=True, text=True, check=False)
        check.check("openai for JavaScript", done.returncode == 0, done.stderr)


if __name__ == "__main__":
    main("server and JavaScript", run, ("--node", {"default": "node"}),
         ("--modules", {"default": "build/node"}))
