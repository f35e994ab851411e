#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csm/engine/model_facts.h"
#include "csm/engine/session.h"

namespace csm::engine {

/// What can be wrong with speech that has ended.
enum class TailProblem {
  kCutOff,      ///< it stops in the middle of a sound
  kTooShort,    ///< for its text
  kTooLong,     ///< for its text, or it never ended by itself
  kSilence,     ///< a long silence in it or at its end
  kRepetition,  ///< the same sounds again and again
};

/// "cut_off", "too_short", "too_long", "silence", "repetition".
[[nodiscard]] const char* to_string(TailProblem problem);

/// What is measured of speech that has ended.
struct TailMeasures {
  double seconds = 0;
  /// Level of the last 40 ms against that of loud speech.
  double end_db = 0;
  double silence_seconds = 0;     ///< the longest silence
  double repetition_seconds = 0;  ///< of the longest repetition
  int n_letters = 0;              ///< of the text; a digit counts as four
};

/// How good speech is.
struct TailReport {
  TailMeasures measures;
  std::vector<TailProblem> problems;
  /// 0 if there is none, else how far beyond the bounds it is.
  double badness = 0;
};

/// Speech that has ended.
struct Take {
  std::span<const std::int32_t> codes;  ///< [n_frames, K]
  std::span<const float> audio;         ///< [n_frames * samples_per_frame]
  StopReason stop_reason = StopReason::kEos;
};

/// Looks for what goes wrong when a model does not find the end. A rule of
/// thumb: it does not know whether the words are right.
///
/// text  what was to be spoken
/// Speech that was cancelled has no problem.
/// Measured: docs/voices.md; bounds are in csm/engine/tail_guard.cpp.
[[nodiscard]] TailReport check_tail(const Take& take, std::string_view text,
                                    const ModelFacts& facts);

/// One attempt of guard_tail().
struct TailAttempt {
  std::uint64_t seed = 0;
  TailReport report;
};

/// What guard_tail() chose, and from what.
template <class Speech>
struct GuardedSpeech {
  Speech speech;
  std::vector<TailAttempt> attempts;
  std::size_t chosen = 0;  ///< of the attempts
};

/// Speaks until nothing is wrong, at most 1 + n_retries times, with the seeds
/// seed, seed + 1, ...; the least bad attempt is taken, the earliest of equals.
///
/// speak(seed) -> Speech, judge(const Speech&) -> TailReport
template <class Speak, class Judge>
auto guard_tail(std::uint64_t seed, int n_retries, Speak&& speak,
                Judge&& judge) {
  using Speech = decltype(speak(seed));
  std::optional<Speech> best;
  std::vector<TailAttempt> attempts;
  std::size_t chosen = 0;
  for (int attempt = 0; attempt <= n_retries; ++attempt) {
    const std::uint64_t now = seed + static_cast<std::uint64_t>(attempt);
    Speech speech = speak(now);
    attempts.push_back({.seed = now, .report = judge(speech)});
    const double badness = attempts.back().report.badness;
    if (!best || badness < attempts[chosen].report.badness) {
      best = std::move(speech);
      chosen = attempts.size() - 1;
    }
    if (badness <= 0) break;
  }
  return GuardedSpeech<Speech>{.speech = std::move(*best),
                               .attempts = std::move(attempts),
                               .chosen = chosen};
}

}  // namespace csm::engine
