"""For schemathesis (sdk_test.py): most of the forms that it makes bring a sound
that can be heard, else no voice would ever be made.

    $CSM_SAMPLE  a sound file
"""

import os
import pathlib
import random

import schemathesis

SAMPLE = pathlib.Path(os.environ["CSM_SAMPLE"]).read_bytes()
RANDOM = random.Random(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path != "/v1/audio/voices" or not isinstance(
            case.body, dict) or "audio_sample" not in case.body:
        return
    if RANDOM.random() < 0.9:
        case.body["audio_sample"] = SAMPLE
        # A name that is free, most of the time.
        case.body["name"] = f"voice{RANDOM.randrange(10**6)}"
        case.body["ref_text"] = "This is my voice."
