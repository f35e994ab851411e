#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace csm::engine {

/// What codes from outside have to be.
struct CodesRule {
  std::string_view unit;         ///< that refuses them: "engine"
  int n_codebooks = 0;           ///< K
  std::int32_t limit = 0;        ///< codes are in [0, limit)
  std::int64_t first_frame = 0;  ///< number of their first frame, to be told
  std::string_view what = {};    ///< told behind, " (voice)"; may be empty
};

/// Checks that codes are whole frames [n_frames, K], at least one, in range.
///
/// Throws: Error{kInvalidArgument} naming the number or the first bad code.
void check_codes(std::span<const std::int32_t> codes, const CodesRule& rule);

}  // namespace csm::engine
