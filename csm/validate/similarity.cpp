#include "csm/validate/similarity.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace csm::validate {
namespace {

constexpr double kSmoothing = 0.5;  // draws added to a code

double total(std::span<const std::int64_t> counts) {
  return static_cast<double>(
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
}

double x_log_x_over_y(double x, double y) {
  return x > 0.0 ? x * std::log(x / y) : 0.0;
}

// Sums over codes that one function call gathers.
struct Sums {
  double absolute = 0, dot = 0, square_a = 0, square_b = 0;
  double shannon = 0;
  double n_both = 0, n_either = 0, drawn_on_both = 0;
};

Sums gather(std::span<const std::int64_t> a, std::span<const std::int64_t> b,
            double n_a, double n_b) {
  Sums sums;
  for (std::size_t code = 0; code < a.size(); ++code) {
    if (a[code] == 0 && b[code] == 0) continue;
    const double p = static_cast<double>(a[code]) / n_a;
    const double q = static_cast<double>(b[code]) / n_b;
    sums.absolute += std::abs(p - q);
    sums.dot += p * q;
    sums.square_a += p * p;
    sums.square_b += q * q;
    const double middle = (p + q) / 2.0;
    sums.shannon +=
        (x_log_x_over_y(p, middle) + x_log_x_over_y(q, middle)) / 2.0;
    sums.n_either += 1.0;
    if (a[code] == 0 || b[code] == 0) continue;
    sums.n_both += 1.0;
    sums.drawn_on_both += static_cast<double>(a[code] + b[code]);
  }
  return sums;
}

double smoothed_kl(std::span<const std::int64_t> a,
                   std::span<const std::int64_t> b, double n_a, double n_b,
                   double n_codes) {
  double kl = 0.0;
  for (std::size_t code = 0; code < a.size(); ++code) {
    if (a[code] == 0 && b[code] == 0) continue;
    const double p = (static_cast<double>(a[code]) + kSmoothing) /
                     (n_a + kSmoothing * n_codes);
    const double q = (static_cast<double>(b[code]) + kSmoothing) /
                     (n_b + kSmoothing * n_codes);
    kl += p * std::log(p / q);
  }
  return std::max(kl, 0.0);
}

}  // namespace

Similarity& Similarity::operator+=(const Similarity& other) {
  similarity += other.similarity;
  cosine += other.cosine;
  overlap_set += other.overlap_set;
  overlap_weighted += other.overlap_weighted;
  kl_forward += other.kl_forward;
  kl_backward += other.kl_backward;
  jensen_shannon += other.jensen_shannon;
  return *this;
}

Similarity& Similarity::operator/=(double n) {
  similarity /= n;
  cosine /= n;
  overlap_set /= n;
  overlap_weighted /= n;
  kl_forward /= n;
  kl_backward /= n;
  jensen_shannon /= n;
  return *this;
}

Similarity compare_counts(std::span<const std::int64_t> a,
                          std::span<const std::int64_t> b) {
  const double n_a = total(a);
  const double n_b = total(b);
  const Sums sums = gather(a, b, n_a, n_b);
  const double norms = std::sqrt(sums.square_a) * std::sqrt(sums.square_b);
  return {.similarity = 1.0 - sums.absolute / 2.0,
          .cosine = std::min(sums.dot / norms, 1.0),
          .overlap_set = sums.n_both / sums.n_either,
          .overlap_weighted = sums.drawn_on_both / (n_a + n_b),
          .kl_forward = smoothed_kl(a, b, n_a, n_b, sums.n_either),
          .kl_backward = smoothed_kl(b, a, n_b, n_a, sums.n_either),
          .jensen_shannon = std::max(sums.shannon, 0.0)};
}

double distribution_similarity(std::span<const std::int64_t> a,
                               std::span<const std::int64_t> b) {
  const double n_a = total(a);
  const double n_b = total(b);
  double absolute = 0.0;
  for (std::size_t code = 0; code < a.size(); ++code) {
    absolute += std::abs(static_cast<double>(a[code]) / n_a -
                         static_cast<double>(b[code]) / n_b);
  }
  return 1.0 - absolute / 2.0;
}

double entropy(std::span<const std::int64_t> counts) {
  const double n = total(counts);
  double sum = 0.0;
  for (const std::int64_t count : counts) {
    sum -= x_log_x_over_y(static_cast<double>(count) / n, 1.0);
  }
  return std::max(sum, 0.0);
}

double entropy(std::span<const double> probabilities) {
  double sum = 0.0;
  for (const double p : probabilities) sum -= x_log_x_over_y(p, 1.0);
  return std::max(sum, 0.0);
}

std::vector<std::int64_t> count_codes(std::span<const std::int32_t> codes,
                                      int vocab, std::size_t first,
                                      std::size_t stride) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocab), 0);
  for (std::size_t idx = first; idx < codes.size(); idx += stride) {
    const std::int32_t code = codes[idx];
    if (code >= 0 && code < vocab) ++counts[static_cast<std::size_t>(code)];
  }
  return counts;
}

OrderedJson to_json(const Similarity& s) {
  return {{"similarity", s.similarity},
          {"cosine", s.cosine},
          {"overlap_set", s.overlap_set},
          {"overlap_weighted", s.overlap_weighted},
          {"kl_forward", s.kl_forward},
          {"kl_backward", s.kl_backward},
          {"jensen_shannon", s.jensen_shannon}};
}

}  // namespace csm::validate
