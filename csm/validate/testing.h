#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/validate/logit_rows.h"

namespace csm::validate {

// Helpers of this part's tests.

inline Json load_test_data(const std::string& name) {
  return parse_json_file(std::string(CSM_SOURCE_DIR) + "/tests/data/" + name);
}

/// One row of bell-shaped logits as in tools/oracle/sampling_goldens.py:
/// multiples of 1 / levels, so that few levels make ties.
inline std::vector<float> bell_row(std::uint64_t seed, int vocab, int levels) {
  std::vector<float> row;
  for (int idx = 0; idx < vocab; ++idx) {
    seed += 0x9E3779B97F4A7C15U;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    std::int64_t total = -131070;
    for (const unsigned shift : {0U, 16U, 32U, 48U}) {
      total += static_cast<std::int64_t>((z >> shift) & 0xFFFFU);
    }
    row.push_back(static_cast<float>((total * levels) >> 14U) /
                  static_cast<float>(levels));
  }
  return row;
}

inline LogitRows bell_rows(int n_frames, int n_codebooks, int vocab,
                           int n_valid, int levels) {
  LogitRows rows = {.n_frames = n_frames,
                    .n_codebooks = n_codebooks,
                    .vocab = vocab,
                    .n_valid_codes = n_valid,
                    .data = {}};
  for (int row = 0; row < rows.n_rows(); ++row) {
    const auto values =
        bell_row(static_cast<std::uint64_t>(row) + 77, vocab, levels);
    rows.data.insert(rows.data.end(), values.begin(), values.end());
  }
  return rows;
}

}  // namespace csm::validate
