#include <utility>

#include "cli/narration.h"
#include "cli/tail_guard_options.h"
#include "cli/voice_options.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

OrderedJson describe_piece(const SpokenPiece& spoken,
                           const Narration& narration) {
  const double per_ms = narration.facts.sample_rate_hz / 1000.0;
  OrderedJson json;
  if (narration.is_conversation) json["turn"] = spoken.piece.turn + 1;
  json["speaker"] = spoken.piece.utterance.speaker;
  json["text"] = spoken.piece.utterance.text;
  json["start_ms"] = static_cast<double>(spoken.start) / per_ms;
  json["audio_ms"] = static_cast<double>(spoken.n_samples) / per_ms;
  json["codes_sha256"] = spoken.codes_sha256;
  if (!spoken.piece.recording.empty()) {
    json["recording"] = spoken.piece.recording;
    return json;
  }
  const Speech& speech = spoken.speech;
  json["frames"] = speech.n_frames;
  json["seed"] = speech.seed;
  json["stop_reason"] = engine::to_string(speech.stop_reason);
  json["prompt_positions"] = speech.prompt_positions;
  json["known_positions"] = speech.known_positions;
  json["first_audio_ms"] = speech.times.first_audio * 1000;
  json["context_segments"] = speech.n_context;
  json["dropped_segments"] = speech.forgotten.n_segments;
  json["dropped_positions"] = speech.forgotten.n_positions;
  if (!speech.tail_attempts.empty()) {
    json["tail_guard"] = cli::describe(speech.tail_attempts);
  }
  return json;
}

}  // namespace

Totals Narration::totals() const {
  Totals totals = {
      .seed = seed,
      .n_frames = static_cast<int>(codes.size()) / facts.n_codebooks,
      .audio_seconds = static_cast<double>(n_samples) /
                       static_cast<double>(facts.sample_rate_hz),
      .seconds = seconds,
      .stop_reason = stop_reason()};
  for (const SpokenPiece& piece : pieces) {
    totals.n_invalid_codes += piece.speech.n_invalid_codes;
    totals.n_changed_codes += piece.speech.n_changed_codes;
  }
  return totals;
}

engine::StopReason Narration::stop_reason() const {
  auto reason = engine::StopReason::kEos;
  for (const SpokenPiece& piece : pieces) {
    if (piece.speech.stop_reason != engine::StopReason::kEos) {
      reason = piece.speech.stop_reason;
    }
  }
  return reason;
}

std::optional<engine::VoiceUse> Narration::voice_use() const {
  for (const SpokenPiece& piece : pieces) {
    if (piece.speech.voice_use) return piece.speech.voice_use;
  }
  return std::nullopt;
}

engine::Forgotten Narration::forgotten() const {
  engine::Forgotten forgotten;
  for (const SpokenPiece& piece : pieces) forgotten += piece.speech.forgotten;
  return forgotten;
}

int Narration::n_turns() const {
  return pieces.empty() ? 0 : pieces.back().piece.turn + 1;
}

OrderedJson describe(const Narration& narration) {
  OrderedJson pieces = OrderedJson::array();
  for (const SpokenPiece& piece : narration.pieces) {
    pieces.push_back(describe_piece(piece, narration));
  }
  const engine::Forgotten forgotten = narration.forgotten();
  OrderedJson json = narration.totals().json(narration.codes);
  json["dropped_segments"] = forgotten.n_segments;
  json["dropped_positions"] = forgotten.n_positions;
  json["ms"] = {{"load", narration.load_seconds * 1000},
                {"total", narration.seconds * 1000}};
  json[narration.is_conversation ? "turns" : "chunks"] = std::move(pieces);
  if (const auto use = narration.voice_use()) json["voice"] = describe(*use);
  return json;
}

std::string summary(const Narration& narration) {
  const std::string count = narration.is_conversation
                                ? str_cat(narration.n_turns(), " turns, ")
                                : str_cat(narration.pieces.size(), " chunks, ");
  return count + narration.totals().words();
}

}  // namespace csm::cli
