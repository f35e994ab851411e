"""How often a cheap guess of a code equals the code that the model draws.

    csm generate --text T --tokens-out 0.codes.npy
    csm score --text T --tokens 0.codes.npy --logits-out 0.logits.npy
    python tools/oracle/guess_codes.py --logits *.logits.npy --codes *.codes.npy
        [--temperature 0.8] [--top-k 100] [--draws 20] [--seed 0]

The depth decoder draws codes 1..K-1 of a frame one after the other, and reads
its weights for each. With guesses of all of them it could compute the K-1
distributions in one pass, draw with the same noise and keep the codes up to
the first wrong guess, the true draw there included: the same codes in
1 + (wrong guesses among codes 1..K-2) passes.

A guess is the winner of the same race, argmax(m / q) with the noise q of the
true draw argmax(p / q), in which m is learned from the first half of the files:
the mean of p for the codebook, given nothing, given the code before it in the
frame, or given the same codebook's code one frame back. Measured on the other
half.
"""

import argparse

import numpy as np

SMOOTHING = 5.0  # frames of the plain mean that each conditional one counts


def probabilities(logits, temperature, top_k):
    """softmax of the k largest of logits / temperature; [..., V]."""
    x = logits.astype(np.float64) / temperature
    k = min(top_k, x.shape[-1])
    kth = np.partition(x, -k, axis=-1)[..., -k, None]
    x = np.where(x < kth, -np.inf, x)
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def load(arguments):
    """One (p [F, K, V], codes [F, K]) for each file."""
    utterances = []
    for logits, codes in zip(arguments.logits, arguments.codes, strict=True):
        p = probabilities(np.load(logits), arguments.temperature,
                          arguments.top_k)
        utterances.append((p, np.load(codes)))
    return utterances


def contexts(codes, kind):
    """What the guess of each code knows, [F, K]; -1 for nothing."""
    known = np.full_like(codes, -1)
    if kind == "code before":
        known[:, 1:] = codes[:, :-1]
    elif kind == "frame before":
        known[1:] = codes[:-1]
    return known


class Guesser:
    """Mean distributions of each codebook, by context."""

    def __init__(self, utterances, kind):
        self.kind = kind
        p = np.concatenate([p for p, _ in utterances])
        self.mean = p.mean(axis=0)  # [K, V]
        self.sums, self.counts = {}, {}
        for p, codes in utterances:
            for f, row in enumerate(contexts(codes, kind)):
                for k, code in enumerate(row):
                    key = (k, int(code))
                    self.sums[key] = self.sums.get(key, 0) + p[f, k]
                    self.counts[key] = self.counts.get(key, 0) + 1

    def distributions(self, codes):
        out = np.empty((*codes.shape, self.mean.shape[-1]))
        for f, row in enumerate(contexts(codes, self.kind)):
            for k, code in enumerate(row):
                key = (k, int(code))
                out[f, k] = (self.sums.get(key, 0) +
                             SMOOTHING * self.mean[k]) / (
                                 self.counts.get(key, 0) + SMOOTHING)
        return out


def right_guesses(guesser, utterances, draws, seed):
    """Booleans [draws * frames, K]: the guess wins the race that p decides.

    The context is the file's code, not the new draw's: those codes come from
    the same model, so the shares are the same.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for p, codes in utterances:
        m = guesser.distributions(codes)
        for _ in range(draws):
            q = rng.exponential(size=p.shape)
            rows.append((p / q).argmax(-1) == (m / q).argmax(-1))
    return np.concatenate(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--logits", nargs="+", required=True)
    parser.add_argument("--codes", nargs="+", required=True)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    utterances = load(arguments)
    half = len(utterances) // 2
    learn, check = utterances[:half], utterances[half:]
    n_codebooks = learn[0][1].shape[1]
    frames = [sum(len(codes) for _, codes in part) for part in (learn, check)]
    print(f"learned from {frames[0]} frames, checked on {frames[1]}")
    p = np.concatenate([p for p, _ in check])
    entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum(-1).mean(0)
    print("right guesses of codes 1..K-1, %; passes a frame instead of "
          f"{n_codebooks - 1}")
    print("  bits of the true draw", *(f"{e:5.1f}" for e in entropy[1:]))
    for kind in ("nothing", "code before", "frame before"):
        guesser = Guesser(learn, kind)
        right = right_guesses(guesser, check, arguments.draws, arguments.seed)
        passes = 1 + (~right[:, 1:-1]).sum(1).mean()
        shares = 100 * right[:, 1:].mean(0)
        print(f"  given {kind:15}", *(f"{share:5.1f}" for share in shares),
              f"  mean {shares.mean():.1f}, {passes:.2f} passes")


if __name__ == "__main__":
    main()
