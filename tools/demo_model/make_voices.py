"""Makes the voice packs of the demo model, models/demo/voices.

    python make_voices.py --csm PROGRAM [--model ../../models/demo]

One for each speaker: flite says a sentence that was in no training, and
`csm voice create` makes a small pack of it, without keys and values, so that the
model stays below 12 MiB. Run it again whenever the codec changes: the codes
are its codes.
"""

import argparse
import subprocess
import tempfile
import wave
from pathlib import Path

import flite
import make_data
import shape

HERE = Path(__file__).resolve().parent
NAMES = ("woman", "man")  # speaker 0 and speaker 1
TEXT = "Hello, this is the demo model speaking"


def write_wave(path, samples):
    """int16 [N] at 24 kHz."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(shape.RATE)
        out.writeframes(samples.astype("<i2").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csm", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, default=HERE / "../../models/demo"
    )
    args = parser.parse_args()
    voices = args.model.resolve() / "voices"
    synthesiser = flite.Flite()
    for speaker, name in enumerate(NAMES):
        samples, _, _ = synthesiser.speak(TEXT, speaker)
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / f"{name}.wav"
            write_wave(recording, make_data.to_24k(samples))
            subprocess.run(
                [args.csm.resolve(), "voice", "create", name, "--replace", "--no-cache",
                 "--voices", voices, "--model", args.model.resolve(),
                 "--audio", recording, "--text", TEXT,
                 "--speaker", str(speaker)],
                check=True,
            )
        print(f"{name}: {(voices / f'{name}.csmvoice').stat().st_size} bytes")


if __name__ == "__main__":
    main()
