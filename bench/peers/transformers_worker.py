"""Times transformers' CSM on the model that csm bench saved."""

import time

import torch
import transformers

import common


class FrameClock:
    """Notes when the backbone starts and ends: once a frame, prompt first."""

    def __init__(self, backbone):
        self.starts, self.ends = [], []
        backbone.register_forward_pre_hook(
            lambda *_: self.starts.append(time.perf_counter()))
        backbone.register_forward_hook(
            lambda *_: self.ends.append(time.perf_counter()))

    def prefill(self):
        return self.ends[0] - self.starts[0]

    def frames(self):
        """From the second start, so that no frame holds the prompt."""
        return [b - a for a, b in zip(self.starts[1:], self.starts[2:])]


def time_codec(codec, codes):
    """Seconds a frame of decoding all frames at once, as transformers does."""
    codes = codes.clamp(max=codec.config.codebook_size - 1).T[None]
    codec.decode(codes)
    start = time.perf_counter()
    codec.decode(codes)
    return (time.perf_counter() - start) / codes.shape[-1]


def speak(model, prompt, frames):
    """Codes [frames, codebooks] with the seed and sampler of csm bench."""
    ids = torch.tensor([common.prompt_ids(prompt,
                                          model.config.text_vocab_size)])
    torch.manual_seed(common.SEED)
    top_k = min(common.TOP_K, model.config.vocab_size)
    return model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids),
        max_new_tokens=frames, do_sample=True,
        temperature=common.TEMPERATURE, top_k=top_k,
        depth_decoder_do_sample=True, depth_decoder_top_k=top_k,
        depth_decoder_temperature=common.TEMPERATURE)[0]


@torch.no_grad()
def main():
    args = common.arguments(__doc__)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    start = time.perf_counter()
    model = transformers.CsmForConditionalGeneration.from_pretrained(
        args.model, dtype=dtype).eval()
    load = time.perf_counter() - start

    speak(model, 2, 2)  # warms up
    clock = FrameClock(model.backbone_model)
    codes = speak(model, args.prompt, args.frames + 1)
    common.report(load, clock.prefill(), clock.frames(),
                  time_codec(model.codec_model, codes), codes.numpy(),
                  f"transformers {transformers.__version__}, "
                  f"torch {torch.__version__}")


if __name__ == "__main__":
    main()
