#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
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
  /// How unlikely the model finds the least likely half second of the last 1.2
  /// seconds: -Frame::log_probability, mean over its frames.
  double end_surprise = 0;
  int n_letters = 0;  ///< of the text; a digit counts as four
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
  std::span<const double> log_probabilities = {};  ///< [n_frames], of Frame
  StopReason stop_reason = StopReason::kEos;
};

/// Looks for what goes wrong when a model does not find the end. A rule of
/// thumb: it does not know whether the words are right. How likely the end is
/// it measures only: bounds would be another for every model.
///
/// text  what was to be spoken
/// Speech that was cancelled has no problem.
/// Measured: docs/voices.md; bounds are in csm/engine/tail_guard.cpp.
[[nodiscard]] TailReport check_tail(const Take& take, std::string_view text,
                                    const ModelFacts& facts);

/// One of several takes of the same text.
struct TailAttempt {
  std::uint64_t seed = 0;
  TailReport report;
};

/// The best of some takes: the least bad one, and of those that are equally
/// bad, as a rule not at all, the one whose end surprises the model least. The
/// earliest of equals.
///
/// attempts  not empty
/// returns   its index
[[nodiscard]] std::size_t choose_take(std::span<const TailAttempt> attempts);

}  // namespace csm::engine
