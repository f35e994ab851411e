#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/codec/packed_codes.h"
#include "csm/engine/engine.h"

namespace csm::cli {

/// A file of codes: .csmc (docs/codes.md), any other name is .npy.
struct CodesFile {
  std::string name;
  std::vector<std::int64_t> shape;  ///< [frames, codebooks] if it is right
  std::vector<std::int32_t> codes;
  std::optional<codec::CodesFormat> format;  ///< none in .npy

  [[nodiscard]] std::int64_t n_frames() const { return shape[0]; }

  /// Checks that it holds frames of n_codebooks codes for a model.
  ///
  /// Throws: Error{kInvalidArgument} naming the file.
  void check(const engine::ModelFacts& facts, int n_codebooks) const;
};

/// Throws: Error as codec::read_packed_codes and weights::read_npy_i32.
[[nodiscard]] CodesFile read_codes(const std::string& path);

/// The codes [n_frames, K] of a file for a language model.
///
/// Throws: as read_codes() and CodesFile::check.
[[nodiscard]] std::vector<std::int32_t> read_codes_for(
    const engine::ModelFacts& facts, const std::string& path);

/// codes  [n_frames, n_codebooks] of a model
/// Throws: Error as codec::write_packed_codes and weights::write_npy.
void write_codes(const std::string& path, const engine::ModelFacts& facts,
                 int n_codebooks, std::span<const std::int32_t> codes);

}  // namespace csm::cli
