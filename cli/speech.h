#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/console.h"
#include "cli/context_options.h"
#include "cli/live_output.h"
#include "cli/resume_options.h"
#include "cli/totals.h"
#include "csm/engine/conversation.h"
#include "csm/engine/engine.h"
#include "csm/engine/tail_guard.h"

namespace csm::cli {

/// What an utterance is spoken after, and with how much care.
struct SpeechExtras {
  std::optional<engine::Voice> voice;    // heard first
  std::vector<RecordedTurn> context;     // heard next
  std::optional<int> max_context;        // positions of all that is heard
  std::optional<Resumption> resumption;  // how it begins
  std::optional<int> tail_retries;       // takes beyond one; none: no guard
  /// Takes the samples as they are made, in place of Speech::audio.
  LiveOutput* live = nullptr;
};

/// All that one utterance came to.
struct Speech {
  std::vector<std::int32_t> codes;  // [n_frames, n_codebooks]
  std::vector<float> audio;         // [n_samples]; empty if it went out live
  std::int64_t n_samples = 0;       // n_frames * samples per frame
  engine::ModelFacts facts;
  int n_frames = 0;
  engine::StopReason stop_reason = engine::StopReason::kEos;
  engine::StageTimes times;
  std::int64_t n_invalid_codes = 0;
  std::int64_t n_changed_codes = 0;
  int prompt_positions = 0;
  int known_positions = 0;  // of them; they needed no reading
  std::uint64_t seed = 0;   // the tail guard may have gone on to another
  std::optional<engine::VoiceUse> voice_use;
  int n_context = 0;            // segments that were heard before
  engine::Forgotten forgotten;  // what there was no room for
  int n_resumed = 0;            // frames
  std::vector<engine::TailAttempt> tail_attempts;  // none without the guard
  double first_output_seconds = 0;  // until the first samples had left; live
  double load_seconds = 0;
  double seconds = 0;  // without loading

  [[nodiscard]] double audio_seconds() const;
  [[nodiscard]] Totals totals() const;
};

/// A model that says one thing after the other, and what was said so far.
class Talk {
 public:
  /// Loads the model and what is heard first.
  ///
  /// Throws: as engine::Engine; as read_recording and Engine::add_voice.
  Talk(const engine::EngineOptions& model, SpeechExtras extras);

  /// Speaks one utterance, which is not part of the conversation before add().
  /// An interrupt (InterruptGuard) or a live output that wants no more cancels
  /// the speech at its next frame.
  ///
  /// status  words for the line of progress, given the speech so far
  /// Throws: as Engine::start; as Resumption::codes.
  [[nodiscard]] Speech speak(
      const engine::Utterance& utterance,
      const engine::GenerationOptions& options,
      const std::function<std::string(const Speech&)>& status);

  /// Lets the next utterances hear something that was said.
  void add(engine::Segment segment) { conversation_.add(std::move(segment)); }

  [[nodiscard]] engine::Engine& engine() { return engine_; }
  [[nodiscard]] double load_seconds() const { return load_seconds_; }
  /// Since the model is loaded.
  [[nodiscard]] double seconds() const { return seconds_since(start_); }

 private:
  // With the guard the best of takes that are spoken together, whose seeds
  // follow each other.
  [[nodiscard]] Speech speak_best(
      const engine::Utterance& utterance, engine::GenerationOptions options,
      const std::vector<std::int32_t>& spoken,
      const std::function<std::string(const Speech&)>& status);

  std::chrono::steady_clock::time_point load_start_;
  SpeechExtras extras_;
  engine::Engine engine_;
  double load_seconds_;
  std::chrono::steady_clock::time_point start_;
  engine::Conversation conversation_;
  std::optional<engine::VoiceUse> voice_use_;
};

/// Loads a model and speaks one utterance, with progress on a terminal.
///
/// Throws: as Talk.
[[nodiscard]] Speech speak(const engine::EngineOptions& model,
                           const engine::Utterance& utterance,
                           const engine::GenerationOptions& options,
                           const SpeechExtras& extras = {});

}  // namespace csm::cli
