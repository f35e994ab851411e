#!/usr/bin/env python3
"""csm pull, and models by name, as a user meets them, against a hub that
breaks off, lies, redirects, throttles and refuses.

    pull_test.py --csm PROGRAM --model FOLDER
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from bad_input_test import FAILED, USAGE, Bench, paths, verdict
from fake_hub import COMMIT, FakeHub

BIG = "model.safetensors"
NAME = "owner/model"


class Cases(Bench):
    """Runs of csm pull with a cache of their own."""

    def __init__(self, program, model, hub):
        super().__init__(program, model)
        self.hub = hub
        self.cache = self.root / "cache"
        self.folder = self.cache / "models--owner--model"
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("HF_", "HUGGING"))
                    and not name.lower().endswith("_proxy")}
        self.env.update(HF_ENDPOINT=hub.url, HF_HUB_CACHE=str(self.cache),
                        HF_HOME=str(self.root / "home"))

    def begin(self, rule=None, keep=False):
        """A case of its own: an empty cache unless kept, and a rule."""
        self.hub.forget()
        if rule:
            self.hub.rule = rule
        if not keep:
            shutil.rmtree(self.cache, ignore_errors=True)

    def pull(self, *arguments, name=NAME, **env):
        return subprocess.run(
            [self.program, "pull", name, *map(str, arguments)],
            capture_output=True, text=True, timeout=120,
            env={**self.env, **env})

    def works(self, case, *arguments, rule=None, keep=False, **env):
        """A pull that must succeed with the right contents."""
        self.begin(rule, keep)
        done = self.pull("--json", *arguments, **env)
        self.check(f"{case}: exit {done.returncode}: {done.stderr.strip()}",
                   done.returncode == 0)
        if done.returncode:
            return {}, done.stderr
        self.whole(case)
        return json.loads(done.stdout), done.stderr

    def whole(self, case):
        """All files of the snapshot hold what the hub holds."""
        snapshot = self.folder / "snapshots" / COMMIT
        for path in snapshot.rglob("*"):
            if path.is_dir():
                continue
            name = str(path.relative_to(snapshot))
            self.check(f"{case}: {name} differs",
                       path.read_bytes() == self.hub.files[name])
            self.check(f"{case}: {name} is no relative link",
                       not os.readlink(path).startswith("/"))
        self.check(f"{case}: unfinished files", not self.unfinished())

    def fails(self, case, *words, arguments=(), rule=None, keep=False,
              name=NAME, status=FAILED, **env):
        """A pull that must end with one line holding the words (after notes of
        tries), no snapshot of weights and no ref."""
        self.begin(rule, keep)
        done = self.pull("--retries", 1, *arguments, name=name, **env)
        last = (done.stderr.splitlines() or [""])[-1]
        self.check(f"{case}: exit {done.returncode}: {done.stderr}",
                   done.returncode == status)
        self.check(f"{case}: {last}", last.startswith("csm: "))
        for word in words:
            self.check(f"{case}: message lacks '{word}': {last}",
                       word in last)
        self.check(f"{case}: wrote to stdout", not done.stdout)
        if not keep:
            self.check(f"{case}: a ref", not (self.folder / "refs").exists())
        return done.stderr

    def generate(self, *arguments):
        return subprocess.run(
            [self.program, *self.speak(*arguments)], capture_output=True,
            text=True, env=self.env, cwd=self.root)

    def unfinished(self):
        return sorted(self.folder.rglob("*.incomplete"))

    def part(self, size, name=BIG):
        """Puts the first bytes of a file where a broken download leaves
        them."""
        self.begin()
        blobs = self.folder / "blobs"
        blobs.mkdir(parents=True)
        path = blobs / (self.hub.etag(name) + ".incomplete")
        path.write_bytes(self.hub.files[name][:size])
        return path


def only(kind, name=BIG, **action):
    """A rule for one kind of request."""
    return lambda request: action if (request.kind, request.name) == \
        (kind, name) else None


def first(kind, name=BIG, **action):
    """A rule for the first request of a kind."""
    return lambda request: action if (
        request.kind, request.name, request.number) == (kind, name, 0) else None


def plain_cases(case):
    pulled, _ = case.works("plain")
    case.check("plain: files", [f["name"] for f in pulled["files"]] ==
               ["config.json", "generation_config.json", "tokenizer.json",
                BIG])
    case.check("plain: what is not needed",
               case.hub.count("get", "README.md") == 0)
    case.check("plain: commit", pulled["commit"] == COMMIT)
    case.check("plain: model", pulled["model"] ==
               str(case.folder / "snapshots" / COMMIT))
    case.check("plain: ref",
               (case.folder / "refs/main").read_text() == COMMIT)
    case.check("plain: an etag as name",
               (case.folder / "blobs" / case.hub.etag(BIG)).is_file())
    case.check("plain: new", not any(f["was_here"] for f in pulled["files"]))

    pulled, _ = case.works("again", keep=True)
    case.check("again: nothing is fetched twice",
               case.hub.count("get") + case.hub.count("store") == 0)
    case.check("again: here", all(f["was_here"] for f in pulled["files"]))
    done = case.pull()
    case.check("for people: the path",
               done.stdout == pulled["model"] + "\n")
    case.check("for people: one line", "--model owner/model" in done.stderr)

    # A blob of the wrong length is not trusted; a deleted link comes back.
    blob = case.folder / "blobs" / case.hub.etag(BIG)
    blob.write_bytes(b"short")
    (case.folder / "snapshots" / COMMIT / "config.json").unlink()
    case.works("a short blob", keep=True)

    pulled, _ = case.works("a revision", rule=lambda r: None)
    case.begin()
    done = case.pull("--json", name=NAME + "@refs/pr/7")
    case.check("revision: works", done.returncode == 0)
    case.check("revision: asked for", case.hub.count("api", "refs/pr/7") == 1)
    case.check("revision: ref",
               (case.folder / "refs/refs/pr/7").read_text() == COMMIT)
    case.works("a mirror", "--mirror", case.hub.url + "/",
               HF_ENDPOINT="http://127.0.0.1:1")


def offline_cases(case):
    case.fails("offline without it", "HF_HUB_OFFLINE", NAME,
               HF_HUB_OFFLINE="1")
    case.check("offline: no request", not case.hub.requests)
    case.works("before offline")
    pulled, _ = case.works("offline", keep=True, HF_HUB_OFFLINE="1",
                           HF_ENDPOINT="http://127.0.0.1:1")
    case.check("offline: model", COMMIT in pulled["model"])
    case.check("offline: no request", not case.hub.requests)


def resume_cases(case):
    """Downloads that break off go on, within a run and in the next one."""
    half = len(case.hub.files[BIG]) // 2
    _, said = case.works("breaks off", rule=first("store", stop=half))
    starts = [r.range for r in case.hub.requests if r.kind == "store"]
    case.check("breaks off: goes on there",
               starts[0] is None and starts[1] == f"bytes={half}-")
    case.check("breaks off: says so", "again in" in said)
    store = [r for r in case.hub.requests if r.kind == "store"]
    case.check("breaks off: If-Range", "If-Range" in store[1].headers)

    case.part(half)
    case.works("the next run", keep=True)
    case.check("the next run: goes on there",
               [r.range for r in case.hub.requests if r.kind == "store"] ==
               [f"bytes={half}-"])

    path = case.part(half)
    path.write_bytes(b"x" * half)
    _, said = case.works("wrong beginning", keep=True)
    case.check("wrong beginning: says so", "once more" in said)
    path = case.part(0)
    path.write_bytes(case.hub.files[BIG] + b"more")
    case.works("too long a beginning", keep=True)
    path = case.part(0)
    path.write_bytes(case.hub.files[BIG])
    case.works("all but the name", keep=True)
    case.check("all but the name: no request", case.hub.count("store") == 0)

    case.part(half)
    case.works("ranges ignored", keep=True, rule=only("store", whole=True))
    case.part(half)
    case.works("416", keep=True, rule=first("store", status=416, body=b""))
    case.part(half)
    case.works("another range", keep=True, rule=first(
        "store", headers={"Content-Range": f"bytes 5-{half}/{half + 1}"}))

    # The store has another object after the break: its ETag tells.
    case.works("changed in the store", rule=lambda r: None if r.kind != "store"
               else {"stop": half, "headers": {"ETag": '"old"'}}
               if r.number == 0 else {})
    case.check("changed in the store: all of it again",
               case.hub.count("store") >= 2)
    # The hub itself names another version in the middle of a resume.
    case.part(half)
    case.works("changed on the hub", keep=True, rule=first(
        "get", headers={"X-Linked-ETag": '"' + "0" * 64 + '"'}))
    case.fails("changed for good", "ETag", rule=only(
        "get", headers={"X-Linked-ETag": '"' + "0" * 64 + '"'}))
    case.check("changed for good: nothing left", not case.unfinished())


def lie_cases(case):
    size = len(case.hub.files[BIG])
    data = bytearray(case.hub.files[BIG])
    data[size // 3] ^= 1
    case.fails("a changed byte", "digest", rule=only("store", body=bytes(data)))
    case.check("a changed byte: nothing left", not case.unfinished())
    config = bytearray(case.hub.files["config.json"])
    config[0] ^= 1
    case.fails("a changed byte of a small file", "digest", "config.json",
               rule=only("get", "config.json", body=bytes(config)))
    case.fails("announces more", "announces", rule=only("store",
                                                        length=size + 9))
    case.fails("announces less", "announces", rule=only("store",
                                                        length=size - 9))
    case.fails("brings more", "got more",
               rule=only("store", body=bytes(data) + b"more", length=None))
    case.works("ends early, once", rule=first("store", stop=size - 100,
                                              length=None))
    case.fails("ends early, always", "ends early", rule=lambda r: {
        "stop": 1000, "length": None, "whole": True} if r.kind == "store"
        else None)
    case.fails("another size in the metadata", rule=only(
        "head", headers={"X-Linked-Size": str(size + 1)}))
    case.fails("no size", "length", rule=only(
        "head", headers={"X-Linked-Size": "many"}))
    case.fails("a huge size", rule=only(
        "head", headers={"X-Linked-Size": str(2**62)}))
    case.fails("a full disk", "free", rule=only(
        "head", headers={"X-Linked-Size": str(2**49)}))
    case.check("a full disk: nothing fetched", case.hub.count("store") == 0)
    for etag in ("", "../../../evil", "a/b", ".", "x" * 200):
        case.fails(f"etag '{etag}'", "ETag", rule=only(
            "head", headers={"X-Linked-ETag": f'"{etag}"',
                             "ETag": f'"{etag}"'}))
    case.check("no path leaves its folder",
               not list(case.root.rglob("*evil*")))
    case.works("no digest in the ETag", rule=lambda r: {
        "headers": {"X-Linked-ETag": '"v1-abc"'}}
        if r.kind in ("head", "get") and r.name == BIG else None)


def listing_cases(case):
    def listing(value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return lambda r: {"body": body} if r.kind == "api" else None

    names = [{"rfilename": BIG}]
    for number, value in enumerate([
            b"", b"<html>", b"[" * 100000, [], {}, {"sha": COMMIT},
            {"sha": "../../evil", "siblings": names},
            {"sha": COMMIT, "siblings": {}}, {"sha": COMMIT, "siblings": [1]},
            {"sha": COMMIT, "siblings": [{"rfilename": 5}]}]):
        case.fails(f"listing {number}", rule=listing(value))
    for name in ("../evil", "/tmp/evil", "a/../../evil", "a\\..\\evil", "",
                 "evil\n", "./evil"):
        case.fails(f"name {name!r}", "names of files", rule=listing(
            {"sha": COMMIT, "siblings": names + [{"rfilename": name}]}))
    case.fails("no weights", "found none", rule=listing(
        {"sha": COMMIT, "siblings": [{"rfilename": "README.md"}]}))
    case.fails("a file that is not there", "none", rule=listing(
        {"sha": COMMIT, "siblings": [{"rfilename": "model.gguf"}]}))
    case.check("no path leaves its folder",
               not list(case.root.rglob("*evil*")))


def refusal_cases(case):
    def answer(status, kind=None, **headers):
        return lambda r: {"status": status, "headers": {
            name.replace("_", "-"): value for name, value in headers.items()},
            "body": b"no"} if kind in (None, r.kind) else None

    page = f"{case.hub.url}/{NAME}"
    case.fails("gated", "gated", page, "HF_TOKEN",
               rule=answer(401, "head", X_Error_Code="GatedRepo"))
    case.fails("gated, with a token", page, "account of your token",
               rule=answer(403, "head", X_Error_Code="GatedRepo"),
               HF_TOKEN="secret")
    case.fails("401", "401", "HF_TOKEN", rule=answer(401))
    case.fails("403", "403", "your token may not", rule=answer(403),
               HF_TOKEN="secret")
    case.fails("404", "404", NAME, rule=answer(404))
    case.fails("no such revision", "'nope'", name=NAME + "@nope")
    case.fails("no such repository", "401", name="owner/other")
    case.fails("no such file", "x.gguf", arguments=["--file", "x.gguf"])
    case.fails("410", "410", rule=answer(410))
    case.check("410: asked once", case.hub.count("api") == 1)
    for status in (500, 502, 503, 504, 429, 408):
        case.fails(f"{status}", str(status), "2 times",
                   rule=answer(status, "head"))
    for status in (503, 429):
        case.works(f"{status}, once", "--retries", 1, rule=lambda r, s=status: {
            "status": s} if r.kind in ("api", "store") and r.number == 0
            else None)
    begin = time.monotonic()
    case.works("Retry-After", rule=lambda r: {
        "status": 429, "headers": {"Retry-After": "2"}}
        if r.kind == "api" and r.number == 0 else None)
    case.check("Retry-After: waited", time.monotonic() - begin >= 2)
    case.fails("Retry-After, far too long", "429", "9999",
               rule=answer(429, Retry_After="9999"))
    case.fails("nobody there", "onnect", HF_ENDPOINT="http://127.0.0.1:1")
    for name in ("model", "a/b/c", "../x", "-a/b", "a/b@", "a/b:../c"):
        case.fails(f"name {name}", "OWNER/NAME", name=name
                   if name[0] != "-" else "./" + name, status=USAGE)
    case.fails("a bad mirror", "--mirror", arguments=["--mirror", "ftp://x"])
    case.fails("--file outside", "--file", arguments=["--file", "../x"],
               status=USAGE)
    case.fails("a token with a line break", "HF_TOKEN", HF_TOKEN="a\nHost: b")
    case.fails("a cache that is a file", "cache",
               HF_HUB_CACHE=str(case.file("taken", "x")))


def token_cases(case):
    """The token goes to the hub alone."""
    def tokens(kind):
        return {r.headers.get("Authorization") for r in case.hub.requests
                if r.kind == kind}

    def check(name, token):
        for kind in ("api", "head", "get"):
            case.check(f"{name}: to {kind}: {tokens(kind)}",
                       tokens(kind) == {token})
        case.check(f"{name}: not to the store", tokens("store") == {None})

    case.works("HF_TOKEN", HF_TOKEN=" hf_one\n")
    check("HF_TOKEN", "Bearer hf_one")
    home = case.root / "home"
    home.mkdir()
    (home / "token").write_text("hf_two\n")
    case.works("the file", HF_TOKEN="")
    check("the file", "Bearer hf_two")
    other = case.file("other-token", "hf_three")
    case.works("HF_TOKEN_PATH", HF_TOKEN_PATH=str(other))
    check("HF_TOKEN_PATH", "Bearer hf_three")
    shutil.rmtree(home)
    case.works("none")
    check("none", None)
    # A redirect of the hub to itself keeps it, one to elsewhere does not.
    moved = f"/{NAME}/resolve/{COMMIT}/config.json"
    case.works("moved here", HF_TOKEN="t", rule=first(
        "get", "config.json", status=307, headers={"Location": moved}))
    case.check("moved here", tokens("get") == {"Bearer t"})
    store = f"http://localhost:{case.hub.servers[1].server_port}/config.json"
    case.works("moved away", HF_TOKEN="t", rule=only(
        "get", "config.json", status=302, headers={"Location": store}))
    case.check("moved away", tokens("store") == {None})
    said = case.fails("round and round", "redirects", rule=only(
        "get", "config.json", status=302, headers={"Location": moved}))
    case.check("round and round: bounded",
               case.hub.count("get", "config.json") < 20 and said)
    for place in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        case.fails(f"moved to {place}", rule=only(
            "get", "config.json", status=302, headers={"Location": place}))


def interrupt_cases(case):
    """Ctrl-C and kill leave what the next run goes on from."""
    for number in (signal.SIGINT, signal.SIGKILL):
        case.begin(only("store", pause=0.05))
        run = subprocess.Popen([case.program, "pull", NAME], env=case.env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 30
        part = case.folder / "blobs" / (case.hub.etag(BIG) + ".incomplete")
        while time.monotonic() < end and not (
                part.exists() and part.stat().st_size):
            time.sleep(0.01)
        run.send_signal(number)
        _, said = run.communicate(timeout=30)
        case.check(f"{number!r}: a part is left", case.unfinished() == [part])
        case.check(f"{number!r}: no ref",
                   not (case.folder / "refs/main").exists())
        if number == signal.SIGINT:
            case.check(f"SIGINT: exit {run.returncode}",
                       run.returncode == 128 + signal.SIGINT)
            case.check(f"SIGINT: says so: {said}", b"goes on" in said)
        # Half a model is no model.
        case.begin(keep=True)
        done = case.generate("--model", NAME)
        case.check(f"{number!r}: not taken for a model",
                   done.returncode == FAILED and "csm pull" in done.stderr)
        size = part.stat().st_size
        case.works(f"after {number!r}", keep=True)
        case.check(f"after {number!r}: goes on", case.hub.requests[-1].range ==
                   f"bytes={size}-")
    case.begin(lambda r: {"status": 503, "headers": {"Retry-After": "60"}})
    run = subprocess.Popen([case.program, "pull", NAME], env=case.env,
                           stderr=subprocess.PIPE)
    run.stderr.readline()
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=30)
    case.check("stopped while waiting", time.monotonic() - begin < 5)


def two_at_once(case):
    case.begin(only("store", pause=0.01))
    runs = [subprocess.Popen([case.program, "pull", NAME], env=case.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)]
    for run in runs:
        _, said = run.communicate(timeout=60)
        case.check(f"two at once: {said}", run.returncode == 0)
    case.whole("two at once")
    case.check("two at once: fetched once", case.hub.count("store") == 1)


def shard_cases(case):
    """An index brings its shards; several GGUF files need a choice."""
    files = case.hub.files
    case.hub.files = {
        "config.json": b"{}", "model.safetensors": b"original",
        "transformers.safetensors.index.json": json.dumps({"weight_map": {
            "a": "t-2.safetensors", "b": "t-1.safetensors"}}).encode(),
        "t-1.safetensors": b"one", "t-2.safetensors": b"two",
        "t-3.safetensors": b"three"}
    pulled, _ = case.works("shards")
    case.check("shards: those of the index",
               [f["name"] for f in pulled["files"]] ==
               ["transformers.safetensors.index.json", "config.json",
                "t-1.safetensors", "t-2.safetensors"])
    case.works("shards offline", keep=True, HF_HUB_OFFLINE="1")
    del case.hub.files["t-2.safetensors"]
    case.fails("a shard that is missing", "t-2.safetensors")
    case.hub.files["transformers.safetensors.index.json"] = \
        b'{"weight_map": {"a": "../../../evil"}}'
    case.fails("a shard elsewhere", "evil")

    case.hub.files = {"q4.gguf": b"four", "q8.gguf": b"eight",
                      "config.json": b"{}"}
    case.fails("several", "q4.gguf, q8.gguf", "--file")
    pulled, _ = case.works("one of them", "--file", "q8.gguf")
    case.check("one of them: path", pulled["model"].endswith("/q8.gguf"))
    case.check("one of them: the other stays",
               case.hub.count("get", "q4.gguf") == 0)
    done = case.pull("--json", name=NAME + ":q4.gguf")
    case.check("by name", json.loads(done.stdout)["model"].endswith(
        "/q4.gguf"))
    case.hub.files = files


def name_cases(case):
    """--model OWNER/NAME: a path, else the cache, else the command to run."""
    case.works("before")
    done = case.generate("--model", NAME)
    case.check(f"by name: {done.stderr}", done.returncode == 0)
    case.check("by name: no request", case.hub.count("api") == 1)
    case.check("by commit", case.generate(
        "--model", f"{NAME}@{COMMIT}").returncode == 0)
    for name, command in ((f"{NAME}@v2", f"csm pull {NAME}@v2"),
                          ("owner/other", "csm pull owner/other"),
                          (f"{NAME}:x.gguf", f"csm pull {NAME} --file x.gguf")):
        done = case.generate("--model", name)
        case.check(f"{name}: {done.stderr}", done.returncode == FAILED and
                   command in done.stderr and
                   len(done.stderr.splitlines()) == 1)
    # A tokenizer's repository needs no weights.
    other = case.cache / "models--owner--text"
    (other / "snapshots" / COMMIT).mkdir(parents=True)
    (other / "refs").mkdir()
    (other / "refs" / "main").write_text(COMMIT)
    shutil.copy(case.model / "tokenizer.json", other / "snapshots" / COMMIT)
    done = case.generate("--model", NAME, "--tokenizer", "owner/text")
    case.check(f"tokenizer by name: {done.stderr}", done.returncode == 0)
    # A folder of that name comes first.
    (case.root / "owner").mkdir()
    os.symlink(case.model.resolve(), case.root / "owner/other")
    case.check("a path first",
               case.generate("--model", "owner/other").returncode == 0)
    info = subprocess.run([case.program, "info", NAME, "--json"],
                          capture_output=True, env=case.env)
    case.check("csm info too", info.returncode == 0)


def main():
    program, model = paths(__doc__)
    files = {path.name: path.read_bytes() for path in model.iterdir()
             if path.is_file()}
    files["README.md"] = b"# Model"
    hub = FakeHub(files, large=[BIG])
    case = Cases(program.resolve(), model, hub)
    for group in (plain_cases, offline_cases, resume_cases, lie_cases,
                  listing_cases, refusal_cases, token_cases, interrupt_cases,
                  two_at_once, shard_cases, name_cases):
        begin = time.monotonic()
        group(case)
        if os.environ.get("CSM_TEST_VERBOSE"):
            print(f"{group.__name__}: {time.monotonic() - begin:.1f} s")
    hub.close()
    shutil.rmtree(case.root, ignore_errors=True)
    return verdict("pull", case)


if __name__ == "__main__":
    sys.exit(main())
