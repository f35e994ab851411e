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
  /// Of what is said last to that of the other takes, their mean
  /// (csm/engine/take_end.h); 0 of a take alone.
  double end_distance = 0;
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

/// check_tail of several takes of the same text, which are also compared with
/// each other: what only one of them says last, as a rule, nobody asked for.
[[nodiscard]] std::vector<TailReport> check_takes(std::span<const Take> takes,
                                                  std::string_view text,
                                                  const ModelFacts& facts);

/// One of several takes of the same text.
struct TailAttempt {
  std::uint64_t seed = 0;
  TailReport report;
};

/// The best of some takes: the least bad one, and of those that are equally
/// bad, as a rule not at all, the one whose end is most like that of the
/// others. The earliest of equals.
///
/// attempts  not empty
/// returns   its index
[[nodiscard]] std::size_t choose_take(std::span<const TailAttempt> attempts);

}  // namespace csm::engine
