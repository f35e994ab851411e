#pragma once

#include <vector>

namespace csm::nn {

/// What a KvCache without a window holds, on the host: [n_layers,
/// n_sequences * n_kv_heads, n_positions, head_dim] each.
struct KvRows {
  int n_positions = 0;
  std::vector<float> keys;  ///< rotated
  std::vector<float> values;

  bool operator==(const KvRows&) const = default;
};

}  // namespace csm::nn
