#include "csm/engine/check_codes.h"

#include <cstddef>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/codec/bad_code.h"

namespace csm::engine {

void check_codes(std::span<const std::int32_t> codes, const CodesRule& rule) {
  const auto width = static_cast<std::size_t>(rule.n_codebooks);
  if (codes.empty() || codes.size() % width != 0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[", rule.unit, "] expected at least one frame of ", width,
                " codes, got ", codes.size(), " codes", rule.what));
  }
  const auto bad = codec::first_bad_code(codes, rule.n_codebooks, rule.limit);
  if (!bad) return;
  throw Error(
      ErrorCode::kInvalidArgument,
      str_cat("[", rule.unit, "] expected codes in [0, ", rule.limit, "), got ",
              bad->code, " (frame ", rule.first_frame + bad->frame,
              ", codebook ", bad->codebook, ")", rule.what));
}

}  // namespace csm::engine
