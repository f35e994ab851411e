#!/usr/bin/env python3
"""/metrics has what docs/server-api.md lists, and nothing else: names, types
and labels, after all that can be counted has happened.

    metrics_test.py --csm PROGRAM
"""

import pathlib
import re

from serving import Server, WebSocket, main, wait_until

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "server-api.md"
ROW = re.compile(r"\| `(csm_\w+)(?:\{([^}]*)\})?` \| (\w+) \|")
# Of a histogram, by Prometheus' text format.
PARTS = {"_bucket": {"le"}, "_sum": set(), "_count": set()}


def documented():
    """{name: (type, labels)}"""
    rows = ROW.findall(DOCS.read_text(encoding="utf-8"))
    assert len(rows) == len({name for name, _, _ in rows})
    return {name: (kind, frozenset(filter(None, labels.split(", "))))
            for name, labels, kind in rows}


def served(text, check):
    """{name: (type, labels)} of an answer."""
    types, labels, helps = {}, {}, set()
    for line in text.splitlines():
        words = line.split(" ")
        if line.startswith("# TYPE "):
            types[words[2]] = words[3]
        elif line.startswith("# HELP "):
            helps.add(words[2])
        elif line:
            name, given = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            keys = frozenset(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"',
                                        given or ""))
            for part, own in PARTS.items():
                whole = name.removesuffix(part)
                if types.get(whole) == "histogram" and whole != name:
                    check.check(f"{name}: its edges", own <= keys, line)
                    name, keys = whole, keys - own
            labels.setdefault(name, set()).add(keys)
    check.equal("every one is explained", helps, {*types})
    check.equal("every one has a type", {*labels}, {*types})
    check.check("the same labels always",
                all(len(found) == 1 for found in labels.values()), labels)
    return {name: (kind, next(iter(labels.get(name, {frozenset()}))))
            for name, kind in types.items()}


def run(given, check):
    with Server(given.csm, "--quiet") as server:
        server.speak("Hello.", max_audio_ms=400)
        server.ask("GET", "/v1/nothing")
        link = WebSocket(server, "/v1/audio/speech/stream")
        link.send({"type": "input.text", "text": "A long story. " * 100})
        link.until("audio.start")
        link.close()
        check.check("a stream of each kind", wait_until(
            lambda: 'csm_streams_total{outcome="cancelled"}'
            in server.metrics()))
        text = server.ask("GET", "/metrics").body.decode()
    got, want = served(text, check), documented()
    check.check("the docs list some", len(want) > 10, want)
    for name in sorted({*got, *want}):
        check.equal(name, got.get(name), want.get(name))


if __name__ == "__main__":
    main("server metrics", run)
