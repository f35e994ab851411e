"""A CSM model in transformers that is given earlier speech as context.

A segment of context is (speaker, text, audio float [N] at 24 kHz), or
(speaker, text, codes int [T, K]) for what transformers' processor takes as
audio of T frames and the codec is then said to have encoded to these codes.
"""

import contextlib
import types

import numpy as np
import torch
from transformers import AutoTokenizer, CsmProcessor, EncodecFeatureExtractor

from hf_model import FRAMES, HfModel

FRAME_SAMPLES = 1920


def is_codes(sound):
    return np.asarray(sound).ndim == 2


class HfContext(HfModel):
    """HfModel with transformers' processor in front."""

    def __init__(self, folder):
        super().__init__(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        extractor = EncodecFeatureExtractor.from_pretrained(folder)
        template = (folder / "chat_template.jinja").read_text()
        self.processor = CsmProcessor(extractor, tokenizer,
                                      chat_template=template)

    def inputs(self, text, speaker, context):
        """What the processor makes of a conversation: ids, mask, audio."""
        messages = [{"role": str(who), "content": [
            {"type": "text", "text": what}, {"type": "audio"}]}
            for who, what, _ in context]
        messages.append({"role": str(speaker),
                         "content": [{"type": "text", "text": text}]})
        whole = self.processor.apply_chat_template(messages, tokenize=False)
        audio = [np.zeros(len(sound) * FRAME_SAMPLES, np.float32)
                 if is_codes(sound) else sound for *_, sound in context]
        # The lengths are those of the codec, which the packaged processor has
        # in its configuration.
        return self.processor(
            text=whole, audio=audio or None, return_tensors="pt",
            text_kwargs={"add_special_tokens": False, "padding": False},
            audio_kwargs={"sampling_rate": 24000,
                          "encoded_length_kwargs": self.lengths()})

    def lengths(self):
        """Kernels and strides of the codec, as csm-1b's processor lists
        them: all its convolutions, then the downsampling one."""
        convs = [m for m in self.model.codec_model.encoder.layers.modules()
                 if type(m).__name__ == "MimiConv1d"]
        convs.append(self.model.codec_model.downsample)
        sizes = [(c.conv.kernel_size[0], c.conv.stride[0], c.conv.dilation[0])
                 for c in convs]
        kernels, strides, dilations = map(list, zip(*sizes))
        return {"kernel_sizes": kernels, "strides": strides,
                "dilations": dilations, "use_causal_conv": True}

    @contextlib.contextmanager
    def encoding(self, context):
        """Within, the codec encodes segments of codes to just these."""
        codec = self.model.codec_model
        encode, queue = codec.encode, [sound for *_, sound in context]

        def given(audio):
            sound = queue.pop(0)
            if not is_codes(sound):
                return encode(audio)
            codes = torch.tensor(np.asarray(sound), dtype=torch.long)
            return types.SimpleNamespace(audio_codes=codes.T[None])

        codec.encode = given
        try:
            yield
        finally:
            del codec.encode

    @torch.no_grad()
    def speak(self, text, speaker, context, seed, frames=FRAMES,
              temperature=0.8, top_k=100):
        """int32 [F, K] of the next turn, cut at the frame that ends it."""
        inputs = self.inputs(text, speaker, context)
        torch.manual_seed(seed)
        with self.encoding(context):
            codes = self.model.generate(
                **inputs, max_new_tokens=frames, do_sample=True,
                temperature=temperature, top_k=top_k,
                depth_decoder_do_sample=True,
                depth_decoder_temperature=temperature,
                depth_decoder_top_k=top_k)
        codes = codes[0].numpy().astype(np.int32)
        ends = np.flatnonzero((codes == 0).all(axis=1))
        return codes[: ends[0]] if len(ends) else codes

    @torch.no_grad()
    def score_after(self, text, speaker, context, codes):
        """As score(), after a context."""
        inputs = self.inputs(text, speaker, context)
        with self.encoding(context):
            merged = self.model._merge_input_ids_with_input_values(
                inputs["input_ids"], inputs.get("input_values"),
                inputs.get("input_values_cutoffs"))
        return self.score_frames(merged["inputs_embeds"], codes)
