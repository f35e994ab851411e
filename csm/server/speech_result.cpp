#include "csm/server/speech_result.h"

#include "csm/base/sha256.h"

namespace csm::server {

void SpeechResult::add(const PieceBegan& piece) {
  n_prompt_positions += piece.n_prompt_positions;
}

void SpeechResult::add(const PieceEnded& piece) {
  n_frames += piece.n_frames;
  codes.insert(codes.end(), piece.codes.begin(), piece.codes.end());
  if (piece.reason != engine::StopReason::kEos) reason = piece.reason;
}

std::string SpeechResult::codes_sha256() const {
  return sha256_hex(std::as_bytes(std::span(codes)));
}

OrderedJson SpeechResult::usage() const {
  return {{"input_tokens", n_prompt_positions},
          {"output_tokens", n_frames},
          {"total_tokens", n_prompt_positions + n_frames}};
}

Headers SpeechResult::headers() const {
  return {{"x-csm-frames", std::to_string(n_frames)},
          {"x-csm-codes-sha256", codes_sha256()},
          {"x-csm-finish-reason", engine::to_string(reason)}};
}

}  // namespace csm::server
