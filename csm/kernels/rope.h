#pragma once

#include <cstdint>

namespace csm::kernels {

/// Cosines and sines of n_rows positions, [n_rows, n_pairs] each:
/// the angle is float(first_position + t) * inv_freq[j], rounded to float32 as
/// transformers does; its cosine and sine are correct to 1 ulp of float32.
///
/// Exact: the same on every machine (plain double arithmetic, no libm).
void rope_table(const float* inv_freq, std::int64_t n_pairs,
                std::int64_t first_position, std::int64_t n_rows, float* cos,
                float* sin);

/// Rotates the pairs (j, j + n_pairs) of one head, half-split:
///   y[j] = x[j] cos[j] - x[j+n] sin[j];  y[j+n] = x[j+n] cos[j] + x[j] sin[j]
/// with separate roundings. y may be x.
void rope_rotate(const float* x, const float* cos, const float* sin,
                 std::int64_t n_pairs, float* y);

}  // namespace csm::kernels
