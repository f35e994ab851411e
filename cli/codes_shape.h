#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace csm::cli {

/// Checks that a file of codes has the shape [frames, n_codebooks].
///
/// Throws: Error{kInvalidArgument} naming the file.
void check_codes_shape(const std::vector<std::int64_t>& shape, int n_codebooks,
                       const std::string& file);

}  // namespace csm::cli
