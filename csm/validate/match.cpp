#include "csm/validate/match.h"

#include <cstddef>

namespace csm::validate {

double Match::rate() const {
  return n_codes == 0
             ? 1.0
             : static_cast<double>(n_equal) / static_cast<double>(n_codes);
}

Match match_codes(std::span<const std::int32_t> a,
                  std::span<const std::int32_t> b,
                  std::span<const float> margins, double near_tie, int n_rows) {
  const auto stride = static_cast<std::size_t>(n_rows);
  Match match;
  match.n_codes = static_cast<std::int64_t>(a.size());
  match.by_row.assign(stride, 0.0);
  for (std::size_t idx = 0; idx < a.size(); ++idx) {
    if (a[idx] == b[idx]) {
      ++match.n_equal;
      match.by_row[idx % stride] += 1.0;
      continue;
    }
    const bool near =
        !margins.empty() && static_cast<double>(margins[idx]) < near_tie;
    match.n_near_ties += near ? 1 : 0;
    match.n_defects += near ? 0 : 1;
    if (!near && !match.first_defect) {
      match.first_defect = static_cast<std::int64_t>(idx);
    }
  }
  for (double& share : match.by_row) {
    share /= static_cast<double>(a.size() / stride);
  }
  return match;
}

double repetition_rate(std::span<const std::int32_t> codes, int n_frames,
                       int n_codebooks) {
  if (n_frames < 2) return 0.0;
  const auto width = static_cast<std::size_t>(n_codebooks);
  const auto frame_codes = static_cast<std::size_t>(n_frames) * width;
  std::size_t n_equal = 0;
  std::size_t n_pairs = 0;
  for (std::size_t idx = 0; idx < codes.size(); ++idx) {
    if (idx % frame_codes < width) continue;
    ++n_pairs;
    n_equal += codes[idx] == codes[idx - width] ? 1U : 0U;
  }
  return static_cast<double>(n_equal) / static_cast<double>(n_pairs);
}

}  // namespace csm::validate
