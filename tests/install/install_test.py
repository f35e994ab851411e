#!/usr/bin/env python3
"""The installed library as another project meets it.

    install_test.py --build FOLDER --source FOLDER --cmake PROGRAM
                    [--flags "..."]

Installs the build into a temporary folder inside it, builds examples/ against
that with find_package(csm), speaks, and compares with what the installed
program says. The installed headers must do without MLX's.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

TEXT = "Good morning to you all."
PROBE = """#include <csm/csm.h>
int main() {
  csm::EngineOptions().validate();
  csm::GenerationOptions().validate(2051);
  csm::EncodeOptions().validate(32);
  csm::AudioWriterOptions().validate();
  csm::PlayerOptions().validate();
  try {
    csm::Codec({.model_dir = "/nonexistent"}, csm::CodecPart::kDecoder);
  } catch (const csm::Error& error) {
    return error.code() == csm::ErrorCode::kNotFound ? 0 : 1;
  }
  return 1;
}
"""


class Bench:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = pathlib.Path(folder)
        self.prefix = self.folder / "prefix"
        self.problems = []
        self.count = 0

    def run(self, *command, status=0):
        """Output of a command that must end with the status."""
        self.count += 1
        run = subprocess.run([str(word) for word in command], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if run.returncode != status:
            self.problems.append(f"{command[0]}: exit {run.returncode}, "
                                 f"expected {status}: {run.stdout[-2000:]}")
        return run.stdout

    def expect(self, truth, problem):
        self.count += 1
        if not truth:
            self.problems.append(problem)

    def build_project(self, source, binary, *extra):
        self.run(self.arguments.cmake, "-S", source, "-B", binary,
                 f"-DCMAKE_PREFIX_PATH={self.prefix}",
                 f"-DCMAKE_CXX_FLAGS={self.arguments.flags}", *extra)
        self.run(self.arguments.cmake, "--build", binary)


def headers(bench):
    """No installed header needs another library's."""
    found = sorted((bench.prefix / "include").rglob("*.h"))
    bench.expect(found, "no headers are installed")
    for path in found:
        text = path.read_text()
        for foreign in ("mlx/", "nlohmann/", "sndfile.h", "CLI/"):
            bench.expect(f"include <{foreign}" not in text and
                         f'include "{foreign}' not in text,
                         f"{path.name} includes {foreign}")


def versions(bench):
    """find_package() takes 0.1 and refuses what is not compatible."""
    for wanted, status in (("0.1", 0), ("0.2", 1), ("1.0", 1)):
        project = bench.folder / f"wants-{wanted}"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\n"
            "project(wants LANGUAGES CXX)\n"
            f"find_package(csm {wanted} REQUIRED)\n"
            "if(NOT EXISTS \"${csm_DEMO_MODEL}/config.json\")\n"
            "  message(FATAL_ERROR \"csm_DEMO_MODEL\")\n"
            "endif()\n"
            "add_executable(probe probe.cpp)\n"
            "target_link_libraries(probe PRIVATE csm::csm)\n")
        (project / "probe.cpp").write_text(PROBE)
        bench.run(bench.arguments.cmake, "-S", project, "-B",
                  project / "build", f"-DCMAKE_PREFIX_PATH={bench.prefix}",
                  f"-DCMAKE_CXX_FLAGS={bench.arguments.flags}", status=status)
        if status == 0:
            bench.run(bench.arguments.cmake, "--build", project / "build")


def example(bench):
    """The example speaks as the program does."""
    model = bench.prefix / "share" / "csm" / "models" / "demo"
    build = bench.folder / "examples"
    bench.build_project(bench.arguments.source / "examples", build)
    spoken, said = bench.folder / "spoken.wav", bench.folder / "said.wav"
    output = bench.run(build / "speak", model, TEXT, spoken)
    bench.expect("ended by" in output, f"the example says: {output}")
    bench.run(bench.prefix / "bin" / "csm", "generate", "--text", TEXT,
              "--speaker", "1", "--seed", "7", "--max-audio-ms", "20000",
              "--output", said)
    bench.expect(spoken.exists() and said.exists() and
                 spoken.read_bytes() == said.read_bytes() and
                 len(spoken.read_bytes()) > 44,
                 "the example and the program speak differently")
    output = bench.run(build / "speak", "/nonexistent", TEXT, spoken, status=1)
    bench.expect("/nonexistent" in output and output.count("\n") == 1,
                 f"without a model the example says: {output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--flags", default="")
    arguments = parser.parse_args()
    # As at a user's: nothing that helps to find libraries.
    os.environ.pop("LD_LIBRARY_PATH", None)
    with tempfile.TemporaryDirectory(dir=arguments.build) as folder:
        bench = Bench(arguments, folder)
        bench.run(arguments.cmake, "--install", arguments.build, "--prefix",
                  bench.prefix)
        headers(bench)
        versions(bench)
        example(bench)
    for problem in bench.problems:
        print(problem)
    print(f"install: {bench.count} checks, {len(bench.problems)} problems")
    return 1 if bench.problems or bench.count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
