#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/reading_plan.h"
#include "cli/speech.h"
#include "csm/base/json.h"
#include "csm/engine/engine.h"

namespace csm::cli {

/// What one piece of a plan came to. Of a recording only what it says itself.
struct SpokenPiece {
  Piece piece;
  std::int64_t start = 0;      // samples in front of it in the whole
  std::int64_t n_samples = 0;  // without pauses
  Speech speech;               // without codes and audio
  std::string codes_sha256;
};

/// What a conversation or a long text came to.
struct Narration {
  std::vector<SpokenPiece> pieces;
  std::vector<std::int32_t> codes;  // [n_frames, K] of all that was spoken
  engine::ModelFacts facts;
  bool is_conversation = false;
  std::uint64_t seed = 0;
  std::int64_t n_samples = 0;       // pauses included
  std::int64_t n_clipped = 0;       // in the files of the turns
  double first_output_seconds = 0;  // of the first piece; live
  double load_seconds = 0;
  double seconds = 0;  // without loading

  [[nodiscard]] int n_turns() const;
  [[nodiscard]] Totals totals() const;
  /// That of the last piece that did not end by itself; else kEos.
  [[nodiscard]] engine::StopReason stop_reason() const;
  /// How the voice was taken in, if there is one.
  [[nodiscard]] std::optional<engine::VoiceUse> voice_use() const;
  /// All that there was no room for, of all pieces.
  [[nodiscard]] engine::Forgotten forgotten() const;
};

/// Where a narration goes: into one place, into a file for each turn, or both.
struct NarrationOutput {
  LiveOutput* whole = nullptr;
  std::string turn_folder;  // empty: none
};

/// Speaks a plan, each piece after those before it; piece i draws from
/// options.seed + i and ends at twice `max_chunk_ms` at the latest (0: only
/// options limit it). Sound leaves piece by piece, or, with extras.live, frame
/// by frame; memory does not grow with it. Shows how much is left on a
/// terminal. An interrupt ends it behind the piece that it met.
///
/// model   with encoder if the plan has a recording that is sound
/// output  whole is extras.live, if that is set
/// Throws: as Talk; as audio::AudioWriter.
[[nodiscard]] Narration narrate(const engine::EngineOptions& model,
                                const ReadingPlan& plan,
                                engine::GenerationOptions options,
                                int max_chunk_ms, const SpeechExtras& extras,
                                const NarrationOutput& output);

/// The totals, and a list of `turns` or `chunks`.
[[nodiscard]] OrderedJson describe(const Narration& narration);

/// One line of totals for people.
[[nodiscard]] std::string summary(const Narration& narration);

}  // namespace csm::cli
