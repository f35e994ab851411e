#include "cli/codes_shape.h"

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/safetensors.h"

namespace csm::cli {

void check_codes_shape(const std::vector<std::int64_t>& shape, int n_codebooks,
                       const std::string& file) {
  if (shape.size() == 2 && shape[0] > 0 && shape[1] == n_codebooks) return;
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[cli] expected codes of shape [frames, ", n_codebooks,
                      "], got ", weights::to_string(shape), " (", file, ")"));
}

}  // namespace csm::cli
