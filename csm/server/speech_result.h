#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/server/http_message.h"
#include "csm/server/speech_stream.h"

namespace csm::server {

/// What a stream has come to so far.
struct SpeechResult {
  std::uint64_t seed = 0;
  int n_frames = 0;
  int n_prompt_positions = 0;
  /// Of all pieces, with [K] codes a frame.
  std::vector<std::int32_t> codes = {};
  /// Of the last piece that did not end by itself; else kEos.
  engine::StopReason reason = engine::StopReason::kEos;

  void add(const PieceBegan& piece);
  void add(const PieceEnded& piece);

  [[nodiscard]] std::string codes_sha256() const;
  /// {"input_tokens", "output_tokens", "total_tokens"}: positions that were
  /// read, and frames.
  [[nodiscard]] OrderedJson usage() const;
  /// x-csm-frames, x-csm-codes-sha256, x-csm-finish-reason
  [[nodiscard]] Headers headers() const;
};

/// Names of SpeechResult::headers.
inline constexpr const char* kResultHeaders =
    "x-csm-frames, x-csm-codes-sha256, x-csm-finish-reason";

}  // namespace csm::server
