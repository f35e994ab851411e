#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "csm/base/json.h"

namespace csm::validate {

/// How alike two samples of codes of the same size are. a and b are relative
/// frequencies, logarithms are natural. docs/validation.md has the formulas.
struct Similarity {
  double similarity = 0;        ///< 1 - sum |a - b| / 2, in [0, 1]
  double cosine = 0;            ///< a.b / (|a| |b|), in [0, 1]
  double overlap_set = 0;       ///< |A and B| / |A or B| of codes, in [0, 1]
  double overlap_weighted = 0;  ///< share of draws seen on both sides, [0, 1]
  double kl_forward = 0;        ///< KL(a || b) in nats, smoothed, >= 0
  double kl_backward = 0;       ///< KL(b || a) in nats, smoothed, >= 0
  double jensen_shannon = 0;    ///< in nats, unsmoothed, in [0, ln 2]

  Similarity& operator+=(const Similarity& other);
  Similarity& operator/=(double n);
};

/// counts  [V] each, both sums > 0
///
/// Smoothing of KL: half a draw is added to every code that either side drew.
[[nodiscard]] Similarity compare_counts(std::span<const std::int64_t> a,
                                        std::span<const std::int64_t> b);

/// 1 - total variation alone.
[[nodiscard]] double distribution_similarity(std::span<const std::int64_t> a,
                                             std::span<const std::int64_t> b);

/// Entropy of relative frequencies, or of a distribution, in nats: in
/// [0, ln V]. The estimate from counts is low by about (codes - 1) / (2 n).
[[nodiscard]] double entropy(std::span<const std::int64_t> counts);
[[nodiscard]] double entropy(std::span<const double> probabilities);

/// Occurrences of each code: [vocab]. Codes outside [0, vocab) are ignored.
///
/// codes  every stride-th of them counts, from `first` on
[[nodiscard]] std::vector<std::int64_t> count_codes(
    std::span<const std::int32_t> codes, int vocab, std::size_t first = 0,
    std::size_t stride = 1);

/// The fields by their names, in the order of their definition.
[[nodiscard]] OrderedJson to_json(const Similarity& similarity);

}  // namespace csm::validate
