#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/speech.h"
#include "csm/engine/engine.h"

namespace csm::cli {

/// What must be known to speak an utterance again, and to tell whether the
/// result is the same.
struct Receipt {
  std::string version;         ///< of csm
  std::string weights_sha256;  ///< weights::model_digest()
  engine::WeightType weight_type = engine::WeightType::kF32;
  engine::Utterance utterance;
  engine::GenerationOptions options;
  std::string codes_sha256;
  /// For each frame the first 16 digits of the digest of its codes, so that
  /// the first frame that differs can be named.
  std::vector<std::string> frames;
};

/// SHA-256 over codes as little-endian int32.
[[nodiscard]] std::string codes_digest(const std::vector<std::int32_t>& codes);

[[nodiscard]] Receipt make_receipt(const engine::EngineOptions& model,
                                   const engine::Utterance& utterance,
                                   const engine::GenerationOptions& options,
                                   const Speech& speech);

/// Throws: as write_file_atomically.
void write_receipt(const std::filesystem::path& path, const Receipt& receipt);

/// Throws: Error{kNotFound}; Error{kCorrupt} naming file and field.
[[nodiscard]] Receipt read_receipt(const std::filesystem::path& path);

}  // namespace csm::cli
