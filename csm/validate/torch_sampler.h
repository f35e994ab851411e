#pragma once

#include <filesystem>

#include "csm/validate/logit_rows.h"

namespace csm::validate {

/// Where live PyTorch is.
struct TorchOracle {
  std::filesystem::path python;  ///< with torch, e.g. build/oracle/bin/python
  std::filesystem::path script;  ///< tools/oracle/draw_tokens.py

  /// Throws: Error{kNotFound} saying how to install it.
  void check() const;
};

/// PyTorch itself as a sampler: every call runs Python once. Codec safety
/// legacy-range is unsupported: PyTorch has no such rule.
///
/// Throws, when called: Error{kNotFound}, Error{kBackend} with Python's last
/// line if it fails, Error{kUnsupported}.
[[nodiscard]] DrawCodes torch_sampler(TorchOracle oracle);

}  // namespace csm::validate
