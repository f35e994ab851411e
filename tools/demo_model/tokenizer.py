"""Writes the demo model's tokenizer files: Llama-3 form, tiny vocabulary.

The vocabulary holds the 256 bytes and a few dozen merges for English letter
pairs with one stable sound, so that a word the model never saw is still
spelled from pieces that it knows well. The pre-tokeniser, the byte level
alphabet, the added tokens and the template are those of csm-1b.
"""

import json
from pathlib import Path

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# In order of rank: what comes first merges first.
MERGES = (
    "th sh ch ck ng ph wh qu ee oo ea ou ow ai ay oy oi au aw ew oa ie ei "
    "er ar or ir ur ll ss tt ff rr mm nn pp dd bb gg st Th Sh Ch Wh Qu"
).split()
SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|AUDIO|>",
    "<|audio_eos|>",
)
BOS, EOS, AUDIO, AUDIO_EOS = SPECIALS
FIRST_SPECIAL = 256 + len(MERGES)
TEXT_VOCAB = FIRST_SPECIAL + len(SPECIALS)
BOS_ID, EOS_ID, AUDIO_ID, AUDIO_EOS_ID = range(FIRST_SPECIAL, TEXT_VOCAB)

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{%- if not loop.last and (message['content'] | length) != 2 %}"
    "{{ raise_exception('a message before the last needs one text and one "
    "audio item') }}{%- endif %}"
    "{{ bos_token }}{{ '[' + message['role'] + ']' }}"
    "{{ message['content'][0]['text'] }}{{ eos_token }}"
    "{%- if (message['content'] | length) > 1 %}"
    "{{ '<|AUDIO|><|audio_eos|>' }}{%- endif %}"
    "{%- endfor %}"
)


def byte_alphabet():
    """GPT-2's printable character for each of the 256 bytes."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {}, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


def tokenizer_json():
    """The whole tokenizer.json as a dict."""
    alphabet = byte_alphabet()
    vocab = {alphabet[b]: b for b in range(256)}
    for i, merge in enumerate(MERGES):
        vocab[merge] = 256 + i
    added = [
        {
            "id": FIRST_SPECIAL + i,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, token in enumerate(SPECIALS)
    ]

    def special(token, kind):
        return {"SpecialToken": {"id": token, "type_id": kind}}

    def sequence(name, kind):
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [special(BOS, 0), sequence("A", 0), special(EOS, 0)]
    pair = single + [special(BOS, 1), sequence("B", 1), special(EOS, 1)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": SPLIT},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": True,
                    "use_regex": False,
                },
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": pair,
            "special_tokens": {
                token: {"id": token, "ids": [i], "tokens": [token]}
                for token, i in ((BOS, BOS_ID), (EOS, EOS_ID))
            },
        },
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": vocab,
            "merges": [[m[0], m[1:]] for m in MERGES],
        },
    }


def write(folder):
    """Writes the four tokenizer files and the processor's two."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def dump(name, value):
        text = json.dumps(value, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")

    dump("tokenizer.json", tokenizer_json())
    dump(
        "special_tokens_map.json",
        {"bos_token": BOS, "eos_token": EOS, "pad_token": AUDIO},
    )
    dump(
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "processor_class": "CsmProcessor",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": AUDIO,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": 2048,
            "added_tokens_decoder": {
                str(FIRST_SPECIAL + i): {
                    "content": token,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for i, token in enumerate(SPECIALS)
            },
        },
    )
    dump(
        "preprocessor_config.json",
        {
            "feature_extractor_type": "EncodecFeatureExtractor",
            "processor_class": "CsmProcessor",
            "feature_size": 1,
            "sampling_rate": 24000,
            "padding_side": "right",
            "padding_value": 0.0,
            "chunk_length_s": None,
            "overlap": None,
            "return_attention_mask": True,
        },
    )
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE + "\n")


def load():
    """The tokenizer as a `tokenizers.Tokenizer`."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps(tokenizer_json()))
