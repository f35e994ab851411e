"""A CSM model in transformers, as the oracle of whole generations."""

import pathlib

import numpy as np
import torch
from transformers import CsmForConditionalGeneration, PreTrainedTokenizerFast

FRAMES = 125  # most frames that a comparison generates


class HfModel:
    """Loads a model folder in float32 and answers what csm answers."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.model = CsmForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32).eval()
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json"))
        self.n_codebooks = self.model.config.num_codebooks
        self.n_codec_codes = self.model.config.codec_config.codebook_size

    def prompt(self, text, speaker):
        """[1, S] ids of `[speaker]text` between BOS and EOS."""
        ids = self.tokenizer(f"[{speaker}]{text}").input_ids
        return torch.tensor([ids])

    @torch.no_grad()
    def generate(self, text, speaker, seed, frames=FRAMES, temperature=0.8,
                 top_k=100):
        """int32 [F, K], cut at the all-zero frame that ends the speech."""
        ids = self.prompt(text, speaker)
        torch.manual_seed(seed)
        codes = self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids),
            max_new_tokens=frames, do_sample=True, temperature=temperature,
            top_k=top_k, depth_decoder_do_sample=True,
            depth_decoder_temperature=temperature, depth_decoder_top_k=top_k)
        codes = codes[0].numpy().astype(np.int32)
        ends = np.flatnonzero((codes == 0).all(axis=1))
        return codes[: ends[0]] if len(ends) else codes

    @torch.no_grad()
    def score(self, text, speaker, codes):
        """Logits of every code given all before it: float32 [F, K, V]."""
        ids = self.prompt(text, speaker)
        return self.score_frames(self.model.embed_text_tokens(ids), codes)

    @torch.no_grad()
    def score_frames(self, prompt, codes):
        """score() behind the embeddings [1, S, D] of a prompt."""
        frames = torch.tensor(codes, dtype=torch.long)
        backbone = self.model.backbone_model
        embeds = torch.cat([prompt, backbone.embed_tokens(frames[None])],
                           dim=1)
        hidden = backbone(inputs_embeds=embeds).last_hidden_state[0]
        hidden = hidden[prompt.shape[1] - 1: -1]
        first = self.model.lm_head(hidden)
        start = torch.zeros(len(frames), 1, dtype=torch.long)
        depth = self.model.depth_decoder(
            input_ids=torch.cat([start, frames[:, :-1]], dim=1),
            backbone_last_hidden_state=hidden).logits
        return torch.cat([first[:, None], depth], dim=1).numpy()

    @torch.no_grad()
    def decode(self, codes):
        """Mono samples, float32 [F * samples per frame]."""
        codes = torch.tensor(codes, dtype=torch.long).T[None]
        return self.model.codec_model.decode(codes).audio_values[0, 0].numpy()

    @torch.no_grad()
    def encode(self, samples):
        """int32 [frames, K] of mono samples, at most 10 s: transformers has no
        window beyond them."""
        sound = torch.tensor(samples)[None, None]
        codes = self.model.codec_model.encode(
            sound, num_quantizers=self.n_codebooks).audio_codes
        return np.ascontiguousarray(codes[0].T.numpy(), np.int32)
