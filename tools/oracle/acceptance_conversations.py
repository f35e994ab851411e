"""All comparisons of conversations, voices and streaming, in one table.

    python tools/oracle/acceptance_conversations.py --build build/release
        [--quick]

Runs the checks below one after the other and prints a line for each: whether it
passed, how long it took and the last line that it printed, which sums up what
it found. --quick makes them small, to see that they run. Needs what they need.
"""

import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools" / "oracle"


def checks(build, quick):
    """{what is checked: its command}"""
    csm = ["--csm", build / "bin" / "csm"]
    user = ["--model", ROOT / "models" / "demo"]
    small = {
        "encode": ["--sounds", 2],
        "context": ["--conversations", 2, "--seeds", 1],
        "speech": ["--conversations", 1, "--words", 200],
        "guard": ["--sentences", 6],
    } if quick else dict.fromkeys(("encode", "context", "speech", "guard"), [])
    return {
        "codes of the encoder equal transformers and moshi":
            [TOOLS / "compare_encode.py", *csm, *small["encode"]],
        "prompts, masks and tokens of conversations equal transformers":
            [TOOLS / "compare_context.py", "--bin", build / "bin",
             *small["context"]],
        "streamed bytes equal one-shot":
            [ROOT / "tests" / "cli" / "stream_test.py", *csm, *user],
        "voices; codes resume": [ROOT / "tests" / "cli" / "voice_test.py",
                                 *csm, *user],
        "codes files": [ROOT / "tests" / "cli" / "encode_test.py", *csm,
                        *user],
        "words and speaker of conversations and long text":
            [TOOLS / "check_conversations.py", *csm, *small["speech"]],
        "tail guard, temperature 1.3":
            [TOOLS / "check_tail_guard.py", *csm, "--temperature", 1.3,
             *small["guard"]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    rows = ["| check | result | seconds | found |",
            "|---|---|---|---|"]
    failed = False
    for what, command in checks(arguments.build.resolve(),
                                arguments.quick).items():
        start = time.monotonic()
        done = subprocess.run([sys.executable, *map(str, command)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(f"## {what}\n\n{done.stdout}", flush=True)
        failed |= done.returncode != 0
        last = (done.stdout.strip().splitlines() or [""])[-1]
        rows.append(f"| {what} | {'FAILED' if done.returncode else 'passed'} "
                    f"| {time.monotonic() - start:.0f} "
                    f"| {last.strip('| ').replace('|', ';')} |")
    print("\n".join(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
