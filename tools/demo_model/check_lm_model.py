"""Shows that lm_model.Csm computes what transformers' CSM computes.

    python check_lm_model.py

Random weights of the demo model's shape and random text and codes; exits 1
if hidden states or logits differ by more than float32's rounding.
"""

import lm_model
import shape
import torch
from transformers import CsmForConditionalGeneration

LIMIT = 2e-5


@torch.no_grad()
def main():
    torch.manual_seed(0)
    ours = lm_model.Csm().eval()
    theirs = CsmForConditionalGeneration(shape.config()).eval()
    names = theirs.load_state_dict(ours.exported(), strict=False)
    assert not names.unexpected_keys, names.unexpected_keys
    theirs.tie_weights()
    ids = torch.randint(0, shape.BACKBONE["text_vocab_size"], (1, 12))
    codes = torch.randint(0, shape.CODES, (9, shape.K))
    inputs = torch.cat((ours.text(ids), ours.frames(codes)[None]), 1)
    hidden, _ = ours.backbone(inputs)
    expected = theirs.backbone_model(inputs_embeds=inputs).last_hidden_state
    last = hidden[0, ids.shape[1] :]
    logits = ours.depth_logits(last, codes[:, :-1])
    wanted = theirs.depth_decoder(
        input_ids=torch.nn.functional.pad(codes, (1, 0))[:, : shape.K],
        backbone_last_hidden_state=last,
    ).logits[:, 1 - shape.K :]
    gaps = {
        "backbone": (hidden - expected).abs().max(),
        "codebook 0": (ours.c0_head(hidden) - theirs.lm_head(expected)).abs(),
        "codebooks 1..": (logits - wanted).abs(),
    }
    worst = {name: float(gap.max()) for name, gap in gaps.items()}
    print({name: f"{gap:.1e}" for name, gap in worst.items()})
    if not max(worst.values()) <= LIMIT:
        raise SystemExit("lm_model differs from transformers")


if __name__ == "__main__":
    main()
