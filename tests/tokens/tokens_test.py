#!/usr/bin/env python3
"""`csm tokens` as a user meets it.

    tokens_test.py --csm PROGRAM --model FOLDER
"""

import argparse
import json
import math
import pathlib
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CSM = MODEL = None
TEXT = "Hello, it is good to hear you again."


def write_npy(path, kind, shape, values):
    """kind f or i, four bytes a value."""
    header = f"{{'descr': '<{kind}4', 'fortran_order': False, " \
             f"'shape': {tuple(shape)}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
                     header.encode() +
                     struct.pack(f"<{len(values)}{kind}", *values))


def read_npy(path):
    """(shape, values) of int32."""
    data = path.read_bytes()
    (length,) = struct.unpack("<H", data[8:10])
    header = eval(data[10: 10 + length])
    payload = data[10 + length:]
    return header["shape"], \
        list(struct.unpack(f"<{len(payload) // 4}i", payload))


class TokensTest(unittest.TestCase):
    def setUp(self):
        self.temp = tempfile.TemporaryDirectory(prefix="csm-tokens-")
        self.folder = pathlib.Path(self.temp.name)

    def tearDown(self):
        self.temp.cleanup()

    def path(self, name):
        return self.folder / name

    def run_csm(self, *arguments, status=0):
        result = subprocess.run([CSM, *map(str, arguments)],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, status, result.stderr)
        if status:
            self.assertEqual(len(result.stderr.splitlines()), 1)
            self.assertTrue(result.stderr.startswith("csm: "))
        return result

    def tokens(self, *arguments, **keywords):
        return self.run_csm("tokens", *arguments, **keywords)

    def logits(self):
        """The row of spec vectors: ((37 i) mod 101) / 16 - 3."""
        path = self.path("logits.npy")
        write_npy(path, "f", [2051],
                  [(37 * i % 101) / 16 - 3 for i in range(2051)])
        return path

    def draw(self, *options, draws=8, **keywords):
        out = self.path("drawn.npy")
        self.tokens("draw", "--logits", self.logits(), "--draws", draws,
                    "--out", out, *options, **keywords)
        return read_npy(out) if out.exists() else None

    def test_draw_equals_torch(self):
        # torch 2.9.1, temperature 0.9, k 50: both samplers draw these.
        vectors = {0: [464, 1403, 494, 1949, 1676, 1201, 1474, 1242],
                   42: [60, 1070, 868, 1474, 191, 535, 60, 2050],
                   1234: [1242, 1807, 1171, 393, 535, 1171, 1706, 1646]}
        for sampler in ("torch-f32", "torch-bf16"):
            for seed, want in vectors.items():
                shape, got = self.draw("--temperature", 0.9, "--top-k", 50,
                                       "--seed", seed, "--sampler", sampler)
                self.assertEqual(shape, (8, 1))
                self.assertEqual(got, want, (sampler, seed))

    def test_draw_masks_by_valid_codes(self):
        _, got = self.draw("--valid-codes", 60, draws=200)
        self.assertLess(max(got), 60)
        _, got = self.draw("--greedy", draws=2)
        self.assertEqual(got, [30, 30])

    def test_draw_refuses(self):
        for options, status, words in [
                (["--temperature", "0"], 1, "temperature"),
                (["--temperature", "nan"], 1, "temperature"),
                (["--top-k", "0"], 1, "top_k"),
                (["--rng", "x"], 2, "--rng"),
                (["--sampler", "x"], 2, "--sampler"),
                (["--codec-safety", "x"], 2, "--codec-safety"),
                (["--valid-codes", "9999"], 1, "9999")]:
            result = self.tokens("draw", "--logits", self.logits(), "--draws",
                                 1, "--out", self.path("x.npy"), *options,
                                 status=status)
            self.assertIn(words, result.stderr)
            self.assertFalse(self.path("x.npy").exists())

    def test_draw_refuses_bad_logits(self):
        bad = self.path("bad.npy")
        for shape, values in [([3], [1, math.nan, 2]), ([2], [math.inf, 1]),
                              ([2], [-math.inf] * 2), ([0], []),
                              ([1, 1, 1, 2], [1, 2])]:
            write_npy(bad, "f", shape, values)
            result = self.tokens("draw", "--logits", bad, "--draws", 1,
                                 "--out", self.path("x.npy"), status=1)
            self.assertIn("bad.npy", result.stderr)
        write_npy(bad, "i", [2], [1, 2])
        self.tokens("draw", "--logits", bad, "--draws", 1, "--out",
                    self.path("x.npy"), status=1)

    def test_quick_on_a_model(self):
        result = self.tokens(
            "quick", "--model", MODEL, "--draws", 30, "--frames", 4, "--json",
            "--thresholds", ROOT / "tests/tokens/thresholds.json")
        data = json.loads(result.stdout)
        self.assertEqual(len(data["settings"]), 2)
        for setting in data["settings"]:
            self.assertEqual(setting["match"]["rate"], 1.0)
            self.assertEqual(setting["equal_noise"]["kl_forward"], 0.0)
            self.assertEqual(setting["invalid_codes"], 0)
        self.assertEqual(data["probes"]["small_noise"]["failed"], 0)
        self.assertTrue(all(c["passed"] for c in data["checks"]))

    def test_a_failed_threshold_is_exit_status_1(self):
        limits = self.path("limits.json")
        limits.write_text('{"run": {}, "setting": {"match.rate": '
                          '{"max": 0.5}}}')
        result = self.tokens("quick", "--logits", self.logits(), "--draws", 5,
                             "--thresholds", limits, status=1)
        self.assertIn("match.rate", result.stderr)
        limits.write_text('{"run": {}, "setting": {"no.such": {"max": 1}}}')
        result = self.tokens("quick", "--logits", self.logits(), "--draws", 5,
                             "--thresholds", limits, status=1)
        self.assertIn("no.such", result.stderr)

    def sweep(self, *options, **keywords):
        return self.tokens("sweep", "--logits", self.logits(), "--draws", 20,
                           "--temperatures", "0.7,0.9", "--top-ks", "10,50",
                           "--state", self.path("state.json"), "--json",
                           *options, **keywords)

    def test_sweep_goes_on_where_it_was(self):
        whole = json.loads(self.sweep().stdout)["sweep"]
        self.assertEqual(len(whole), 4)
        state = json.loads(self.path("state.json").read_text())
        state["cells"] = state["cells"][:3]
        state["cells"][0]["marked"] = True
        self.path("state.json").write_text(json.dumps(state))
        result = self.sweep()
        self.assertIn("3 finished cells", result.stderr)
        again = json.loads(result.stdout)["sweep"]
        self.assertTrue(again[0].pop("marked"))
        self.assertEqual(again, whole)
        self.assertIn("--restart", self.sweep("--seed", 9, status=1).stderr)
        self.sweep("--seed", 9, "--restart")

    def speech(self, *cells):
        """A file as tools/oracle/speech_sweep.py writes it, of the cells."""
        shares = {"word_error_rate": 0.75, "eos_rate": 1.0,
                  "duration_ratio": 1.1, "duration_error_s": 0.2,
                  "mcd_db": 4.5}
        measured = {}
        for key, value in shares.items():
            measured[key] = value
            measured[key + "_95"] = [value - 0.1, value + 0.1]
            if key != "duration_ratio":
                measured[key + "_to_best"] = 0.25
                measured[key + "_to_best_95"] = [-0.1, 0.5]
        return {"format": "csm-speech-sweep 1", "sampler": "torch-f32",
                "model_sha256": "00", "sentences": 3, "speakers": 2,
                "flite_word_error_rate": 0.25,
                "default": {"temperature": 0.8, "top_k": 100},
                "verdict": None,
                "cells": [{"temperature": t, "top_k": k, "speech": measured}
                          for t, k in cells]}

    def sweep_with(self, speech, **keywords):
        path = self.path("speech.json")
        path.write_text(speech if isinstance(speech, str)
                        else json.dumps(speech))
        return self.sweep("--speech", path, **keywords)

    def test_sweep_with_speech(self):
        cells = [(0.7, 10), (0.9, 10), (0.7, 50), (0.9, 50)]
        found = json.loads(self.sweep_with(self.speech(*cells)).stdout)
        self.assertEqual(found["speech"]["cells_with_speech"], 4)
        for cell in found["sweep"]:
            self.assertEqual(cell["speech"]["word_error_rate"], 0.75)

    def test_sweep_with_speech_of_some_cells(self):
        speech = self.speech((0.9, 50), (2.0, 7))
        report = self.path("report")
        found = json.loads(self.sweep_with(speech).stdout)
        self.assertEqual(found["speech"]["cells_with_speech"], 1)
        self.assertEqual([(c["temperature"], c["top_k"])
                          for c in found["sweep"] if "speech" in c],
                         [(0.9, 50)])
        self.sweep("--speech", self.path("speech.json"), "--report", report)
        picture = (report / "grid-word_error_rate-light.svg").read_text()
        self.assertIn("not measured", picture)
        self.assertNotIn("NaN", picture)
        lines = (report / "results.csv").read_text().splitlines()
        self.assertEqual(sum(",0.75," in line for line in lines), 1)
        page = (report / "index.html").read_text()
        self.assertIn("3 held-out sentences, 2 speakers", page)
        self.path("state.json").unlink()  # finished cells are announced
        result = self.sweep_with(self.speech((2.0, 7)), status=1)
        self.assertIn("speech.json", result.stderr)

    def test_sweep_refuses_hostile_speech(self):
        good = self.speech((0.9, 50))
        verdict = [{"measure": "word_error_rate", "value": 0.75,
                    "best": {"temperature": 0.5, "top_k": 20, "value": 0.5},
                    "difference": 0.25, "difference_95": [0.1, 0.4],
                    "holds": False}]
        cell = good["cells"][0]
        for broken, words in [
                ("", ""), ("[]", ""), ('{"format": ', ""),
                ("[" * 100000, ""), ('{"a": 1, "a": 2}', ""),
                ({**good, "format": "x"}, "format"),
                ({**good, "cells": {}}, "cells"),
                ({**good, "cells": [1]}, "cells[0]"),
                ({**good, "cells": [{**cell, "top_k": 1e30}]}, "top_k"),
                ({**good, "cells": [{**cell, "speech": None}]}, "speech"),
                ({**good, "cells": [{**cell, "speech": {
                    **cell["speech"], "mcd_db": -1}}]}, "mcd_db"),
                ({**good, "verdict": verdict + [1]}, "verdict"),
                ({**good, "sampler": "torch-bf16"}, "torch-bf16"),
                ({**good, "verdict": verdict,
                  "default": {"temperature": 0.7, "top_k": 100}},
                 "0.8 / 100")]:
            result = self.sweep_with(broken, status=1)
            self.assertIn(words, result.stderr)
            self.assertIn("speech.json", result.stderr)
        self.sweep("--speech", self.path("none.json"), status=1)

    def test_sweep_wants_a_place_for_its_state(self):
        self.tokens("sweep", "--logits", self.logits(), status=2)

    def test_pytorch_that_is_not_there(self):
        result = self.tokens("quick", "--logits", self.logits(), "--pytorch",
                             "--python", self.path("none"), status=1)
        self.assertIn("setup --oracle", result.stderr)

    def generate(self, seed, name):
        out = self.path(name)
        self.run_csm("generate", "--model", MODEL, "--text", TEXT, "--seed",
                     seed, "--max-audio-ms", 800, "--tokens-out", out)
        return out

    def compare(self, a, b, *options, status=0):
        result = self.tokens("compare", a, b, "--json", *options,
                             status=status)
        return json.loads(result.stdout)

    def test_compare_names_the_culprit(self):
        a = self.generate(7, "a.npy")
        self.assertEqual(self.compare(a, a)["verdict"], "equal")
        shape, codes = read_npy(a)
        place = 2 * shape[1] + 3
        codes[place] = (codes[place] + 1) % 100
        b = self.path("b.npy")
        write_npy(b, "i", shape, codes)
        self.assertEqual(self.compare(a, b, status=1)["verdict"], "unknown")
        model = ["--model", MODEL, "--text", TEXT, "--seed", 7]
        for first, second, verdict in ((a, b, "defect in B"),
                                       (b, a, "defect in A")):
            found = self.compare(first, second, *model, status=1)
            self.assertEqual(found["first_difference"]["frame"], 2)
            self.assertEqual(found["first_difference"]["codebook"], 3)
            self.assertEqual(found["verdict"], verdict)
            self.assertEqual(found["logits"]["first_stage"], "sampler")
            self.assertEqual(found["logits"]["difference_at_place"], 0)

    def test_compare_sees_where_logits_part(self):
        a, b = self.path("a.npy"), self.path("b.npy")
        write_npy(a, "i", [2, 2], [3, 1, 4, 1])
        write_npy(b, "i", [2, 2], [3, 1, 4, 2])
        same = [(7 * i % 11) / 4 for i in range(2 * 2 * 50)]
        other = list(same)
        other[50 + 8] += 1e-3
        files = self.path("la.npy"), self.path("lb.npy")
        write_npy(files[0], "f", [2, 2, 50], same)
        write_npy(files[1], "f", [2, 2, 50], other)
        found = self.compare(a, b, "--logits-a", files[0], "--logits-b",
                             files[1], "--seed", 7, status=1)
        self.assertEqual(found["logits"]["first_stage"],
                         "depth decoder, frame 0, codebook 1")
        self.assertEqual(found["first_difference"]["frame"], 1)
        self.assertIn("defect", found["verdict"])

    def test_compare_refuses(self):
        a, b = self.path("a.npy"), self.path("b.npy")
        write_npy(a, "i", [1, 2], [1, 2])
        write_npy(b, "i", [1, 3], [1, 2, 3])
        self.assertIn("codebooks", self.tokens("compare", a, b,
                                               status=1).stderr)
        write_npy(b, "i", [1, 2], [1, -2])
        self.tokens("compare", a, b, status=1)
        self.tokens("compare", a, self.path("none.npy"), status=1)
        self.tokens("compare", a, status=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True)
    parser.add_argument("--model", required=True)
    known, rest = parser.parse_known_args()
    CSM, MODEL = known.csm, known.model
    unittest.main(argv=[__file__, *rest])
