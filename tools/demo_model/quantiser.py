"""Trainable split residual quantiser around transformers' Mimi quantiser.

Uses the projections of the Mimi module. In training the projected latents are
scaled to unit variance per dimension (with the gradient of that scaling, so
that no loss can push the latents' size up without end) and the codebooks live
around their moving centre. `publish` folds scale and centre into the input
projection and the first codebook of each part: what is exported is plain
Mimi.
"""

import torch
from torch import nn


class TrainQuantiser(nn.Module):
    """Straight-through quantiser with moving-average codebooks.

    `mimi` is MimiModel.quantizer. Latents are [B, H, T] (12.5 Hz).
    """

    def __init__(self, mimi):
        super().__init__()
        self.semantic = mimi.semantic_residual_vector_quantizer
        self.acoustic = mimi.acoustic_residual_vector_quantizer
        layers = [*self.semantic.layers, *self.acoustic.layers]
        self._published = [layer.codebook for layer in layers]
        count, (size, width) = len(layers), self._published[0].embed_sum.shape
        self.decay, self.frozen, self.size = 0.95, False, size
        self.register_buffer("use", torch.ones(count, size))
        self.register_buffer("books", torch.zeros(count, size, width))
        self.register_buffer("centre", torch.zeros(2, width))
        self.register_buffer("variance", torch.ones(2, width))

    def _parts(self):
        last = len(self._published)
        return ((self.semantic, 0, 1), (self.acoustic, 1, last))

    def publish(self, state):
        """Writes the codebooks and folded projections into a state dict of
        the Mimi model."""
        for part, (name, books) in enumerate(
            (("semantic", self.books[:1]), ("acoustic", self.books[1:]))
        ):
            prefix = f"quantizer.{name}_residual_vector_quantizer."
            scale = self.variance[part].rsqrt()
            weight = prefix + "input_proj.weight"
            state[weight] = state[weight] * scale[:, None, None]
            for i, book in enumerate(books):
                shift = self.centre[part] * scale if i == 0 else 0.0
                state[f"{prefix}layers.{i}.codebook.embed_sum"] = book + shift

    def project(self, part, latent):
        """Normalised vectors [B * T, width] of one part (0 or 1), and the
        centre in the same units."""
        module = self._parts()[part][0]
        target = module.input_proj(latent).float()
        target = target.transpose(1, 2).reshape(-1, target.shape[1])
        if self.training and not self.frozen:
            with torch.no_grad():
                rate = 1 - self.decay
                self.centre[part].lerp_(target.mean(0), rate)
                around = (target - self.centre[part]).square().mean(0)
                self.variance[part].lerp_(around, rate)
        centre, deviation = self.centre[part], self.variance[part].sqrt()
        scaled = (target - centre) / deviation
        if self.training and not self.frozen:
            spread = scaled.square().mean(0).sqrt() + 1e-3
            scaled = scaled * (spread.detach() / spread)
        return scaled, centre / deviation

    @torch.no_grad()
    def _update(self, index, vectors, codes):
        """One moving-average step, dead entries restarted from the batch."""
        size = self.use.shape[1]
        fair = len(vectors) / size
        counts = torch.bincount(codes, minlength=size).float()
        sums = torch.zeros_like(self.books[index]).index_add_(0, codes, vectors)
        use, book = self.use[index], self.books[index]
        total = book * use[:, None]
        use.lerp_(counts, 1 - self.decay)
        total.lerp_(sums, 1 - self.decay)
        book.copy_(total / use.clamp(min=1e-6)[:, None])
        dead = use < 0.1 * fair
        if dead.any():
            chosen = torch.randint(len(vectors), (int(dead.sum()),))
            use[dead], book[dead] = fair, vectors[chosen]

    @torch.no_grad()
    def initialise(self, latents, fair, rounds=10):
        """K-means over `latents` [N, H], book after book on the residuals."""
        was, self.frozen = self.frozen, True
        for part, (_, first, last) in enumerate(self._parts()):
            residual, _ = self.project(part, latents.T[None])
            for index in range(first, last):
                book = self.books[index]
                chosen = torch.randperm(len(residual))[: len(book)]
                book.copy_(residual[chosen])
                for _ in range(rounds):
                    codes = torch.cdist(residual, book).argmin(-1)
                    counts = torch.bincount(codes, minlength=len(book))
                    sums = torch.zeros_like(book).index_add_(0, codes, residual)
                    used = counts > 0
                    book[used] = sums[used] / counts[used, None]
                    spare = torch.randint(len(residual), (int((~used).sum()),))
                    book[~used] = residual[spare]
                self.use[index].fill_(fair)
                residual = (
                    residual - book[torch.cdist(residual, book).argmin(-1)]
                )
        self.frozen = was

    def forward(self, latent, active=None, quantise=True):
        """(quantised latent [B, H, T], codes [B, K, T], commitment loss,
        semantic vectors [B, width, T]).

        `active` [B]: how many codebooks each row keeps (None: all). Without
        `quantise` the vectors pass as they are and the codes are empty.
        """
        batch, _, frames = latent.shape
        if active is None:
            active = torch.full((batch,), len(self._published))
        active = active.repeat_interleave(frames)[:, None]
        outputs, codes, losses, semantic = [], [], [], None
        for part, (module, first, last) in enumerate(self._parts()):
            target, centre = self.project(part, latent)
            through = target
            if quantise:
                total = self._search(
                    target.detach(), first, last, active, codes
                )
                losses.append((target - total).square().mean())
                through = target + (total - target).detach()
            through = through + centre
            if first == 1:
                through = through * (active > 1).float()
            through = through.view(batch, frames, -1).transpose(1, 2)
            semantic = through if first == 0 else semantic
            outputs.append(module.output_proj(through))
        codes = [c.view(batch, frames) for c in codes]
        codes = torch.stack(codes, 1) if codes else None
        return sum(outputs), codes, sum(losses), semantic

    def _search(self, vectors, first, last, active, codes):
        """The kept sum of the nearest entries; appends the codes found."""
        total = torch.zeros_like(vectors)
        for index in range(first, last):
            chosen = torch.cdist(vectors, self.books[index]).argmin(-1)
            value = self.books[index][chosen]
            if self.training and not self.frozen:
                self._update(index, vectors, chosen)
            vectors = vectors - value
            total = total + value * (active > index).float()
            codes.append(chosen)
        return total
