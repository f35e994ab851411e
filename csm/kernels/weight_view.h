#pragma once

#include <cstdint>

namespace csm::kernels {

/// Element type of a weight matrix. Integer elements stand for
/// scale * q + bias, q in [0, 255] or [0, 15], with a scale and a bias for
/// every `group` columns of a row.
enum class WeightType { kFloat32, kBfloat16, kInt8, kInt4 };

[[nodiscard]] constexpr bool is_integer(WeightType type) {
  return type == WeightType::kInt8 || type == WeightType::kInt4;
}

/// Bits of one element.
[[nodiscard]] constexpr int bits_of(WeightType type) {
  switch (type) {
    case WeightType::kFloat32:
      return 32;
    case WeightType::kBfloat16:
      return 16;
    case WeightType::kInt8:
      return 8;
    case WeightType::kInt4:
      return 4;
  }
  return 0;
}

/// Type of the scales and biases of integer elements.
enum class ScaleType { kFloat32, kBfloat16 };

/// How integer elements are grouped; of no meaning for the float types.
struct GroupFormat {
  int group = 64;  ///< columns that share a scale: 32, 64 or 128
  ScaleType scales = ScaleType::kBfloat16;

  bool operator==(const GroupFormat&) const = default;
};

/// A weight matrix. Does not own it.
struct WeightView {
  const void* data = nullptr;  // float: [out, in]; integer: affine_tiles.h
  WeightType type = WeightType::kFloat32;
  GroupFormat format = {};
};

}  // namespace csm::kernels
