"""Writes tests/data/validate.json: statistics by scipy and numpy.

    python tools/oracle/validate_goldens.py

gamma_q: scipy.special.gammaincc. pairs: the metrics of two histograms from
their formulas in numpy and scipy. fits: chi-square tests by
scipy.stats.chisquare after pooling in Python.
"""

import json
import pathlib

import manifest
import numpy as np
import scipy.special
import scipy.stats

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/data/validate.json"
SEED = 20261


def gamma_cases():
    points = [(0.5, 1e-6), (0.5, 0.3), (0.5, 9.0), (1.0, 1.0), (2.5, 0.1),
              (2.5, 30.0), (10.0, 10.0), (50.0, 40.0), (50.0, 80.0),
              (500.0, 430.0), (500.0, 620.0), (3456.5, 3400.0),
              (3456.5, 3700.0), (1e5, 99500.0), (1e5, 100900.0)]
    return [dict(a=a, x=x, q=float(scipy.special.gammaincc(a, x)))
            for a, x in points]


def smoothed_kl(a, b):
    used = (a + b) > 0
    p = (a[used] + 0.5) / (a.sum() + 0.5 * used.sum())
    q = (b[used] + 0.5) / (b.sum() + 0.5 * used.sum())
    return float(scipy.stats.entropy(p, q))


def pair_case(rng, n_codes, n_draws, unlike):
    weights = rng.exponential(size=n_codes) ** 3
    other = weights * np.exp(unlike * rng.normal(size=n_codes))
    a = rng.multinomial(n_draws, weights / weights.sum())
    b = rng.multinomial(n_draws, other / other.sum())
    p, q = a / a.sum(), b / b.sum()
    m = (p + q) / 2
    both = (a > 0) & (b > 0)
    return dict(
        a=a.tolist(), b=b.tolist(),
        similarity=float(np.minimum(p, q).sum()),
        cosine=float(p @ q / np.linalg.norm(p) / np.linalg.norm(q)),
        overlap_set=float(both.sum() / ((a > 0) | (b > 0)).sum()),
        overlap_weighted=float((a + b)[both].sum() / (a + b).sum()),
        kl_forward=smoothed_kl(a, b), kl_backward=smoothed_kl(b, a),
        jensen_shannon=float(scipy.stats.entropy(p, m) / 2 +
                             scipy.stats.entropy(q, m) / 2),
        entropy=float(scipy.stats.entropy(p)))


def fit_case(rng, n_codes, n_draws):
    p = rng.exponential(size=n_codes) ** 2
    p[rng.permutation(n_codes)[: n_codes // 4]] = 0
    p /= p.sum()
    counts = rng.multinomial(n_draws, p)
    observed, expected, o, e = [], [], 0, 0.0
    order = [i for i in np.argsort(p, kind="stable") if p[i] > 0]
    for place, i in enumerate(order):
        o, e = o + counts[i], e + n_draws * p[i]
        if e >= 5 or place + 1 == len(order):
            observed.append(o)
            expected.append(e)
            o, e = 0, 0.0
    test = scipy.stats.chisquare(observed, expected)
    return dict(counts=counts.tolist(), p=p.tolist(),
                statistic=float(test.statistic), dof=len(observed) - 1,
                p_value=float(test.pvalue))


def main():
    rng = np.random.default_rng(SEED)
    data = dict(
        gamma_q=gamma_cases(),
        pairs=[pair_case(rng, *c) for c in
               [(2, 10, 1.0), (20, 100, 0.1), (60, 1000, 0.5), (60, 50, 2.0)]],
        fits=[fit_case(rng, *c) for c in [(4, 60), (40, 300), (100, 20000)]])
    OUT.write_text(json.dumps(data, indent=0, allow_nan=False) + "\n")
    manifest.record([OUT], __file__, ["numpy", "scipy"], SEED)


if __name__ == "__main__":
    main()
