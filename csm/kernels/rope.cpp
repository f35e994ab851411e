#include "csm/kernels/rope.h"

#include <cmath>

namespace csm::kernels {
namespace {

struct SinCos {
  double sin;
  double cos;
};

/// Taylor series for |r| <= pi/4, error below 1e-16.
SinCos sin_cos_reduced(double r) {
  const double z = r * r;
  double s = 1.0 / 6227020800.0;  // 1/13!
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  double c = -1.0 / 87178291200.0;  // 1/14!
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = c * z - 0.5;
  return {r + r * z * s, 1.0 + z * c};
}

/// For |angle| < 2^31.
SinCos sin_cos(double angle) {
  // Adding 1.5 * 2^52 rounds to an integer.
  constexpr double kMagic = 6755399441055744.0;
  const double n = (angle * 0.6366197723675814 + kMagic) - kMagic;  // 2/pi
  double r = std::fma(n, -1.5707963267948966, angle);  // pi/2 in two parts
  r = std::fma(n, -6.123233995736766e-17, r);
  const SinCos v = sin_cos_reduced(r);
  switch (static_cast<std::int64_t>(n) & 3) {
    case 0:
      return v;
    case 1:
      return {v.cos, -v.sin};
    case 2:
      return {-v.sin, -v.cos};
    default:
      return {-v.cos, v.sin};
  }
}

}  // namespace

void rope_table(const float* inv_freq, std::int64_t n_pairs,
                std::int64_t first_position, std::int64_t n_rows, float* cos,
                float* sin) {
  for (std::int64_t t = 0; t < n_rows; ++t) {
    const float position = static_cast<float>(first_position + t);
    for (std::int64_t j = 0; j < n_pairs; ++j) {
      const float angle = position * inv_freq[j];
      const SinCos v = sin_cos(static_cast<double>(angle));
      cos[t * n_pairs + j] = static_cast<float>(v.cos);
      sin[t * n_pairs + j] = static_cast<float>(v.sin);
    }
  }
}

void rope_rotate(const float* x, const float* cos, const float* sin,
                 std::int64_t n_pairs, float* y) {
  for (std::int64_t j = 0; j < n_pairs; ++j) {
    const float a = x[j];
    const float b = x[j + n_pairs];
    y[j] = a * cos[j] - b * sin[j];
    y[j + n_pairs] = b * cos[j] + a * sin[j];
  }
}

}  // namespace csm::kernels
