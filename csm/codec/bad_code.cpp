#include "csm/codec/bad_code.h"

#include <algorithm>

namespace csm::codec {

std::optional<BadCode> first_bad_code(std::span<const std::int32_t> codes,
                                      int n_codebooks, std::int32_t limit) {
  const auto bad = std::find_if(
      codes.begin(), codes.end(),
      [limit](std::int32_t code) { return code < 0 || code >= limit; });
  if (bad == codes.end()) return std::nullopt;
  const std::int64_t index = bad - codes.begin();
  return BadCode{.code = *bad,
                 .frame = index / n_codebooks,
                 .codebook = static_cast<int>(index % n_codebooks)};
}

}  // namespace csm::codec
