#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/sampling/sampler_options.h"
#include "csm/validate/measure.h"

namespace csm::validate {

/// The codes of one utterance.
struct TokenFile {
  std::string name;                 ///< for messages
  int n_frames = 0;                 ///< F
  int n_codebooks = 0;              ///< K
  std::vector<std::int32_t> codes;  ///< [F, K]
};

/// A place in an utterance.
struct Place {
  int frame = 0;
  int codebook = 0;
};

/// Where two utterances first differ: a code, or the frame after the shorter
/// one. Nothing if they are equal.
///
/// Throws: Error{kInvalidArgument} if the numbers of codebooks differ.
[[nodiscard]] std::optional<Place> first_difference(const TokenFile& a,
                                                    const TokenFile& b);

/// Logits of an utterance, [F, K, V].
struct TokenLogits {
  int n_frames = 0;
  int n_codebooks = 0;
  int vocab = 0;
  std::vector<float> values;

  [[nodiscard]] std::span<const float> row(Place place) const;
};

/// The first place, not after `last`, where logits differ by more than
/// `tolerance`. codebook 0 comes from the backbone, the others from the depth
/// decoder.
struct LogitDifference {
  std::optional<Place> first;
  double at_last = 0;  ///< largest difference in the row of `last`
};
[[nodiscard]] LogitDifference compare_logits(const TokenLogits& a,
                                             const TokenLogits& b, Place last,
                                             double tolerance);

/// What a difference of codes comes from.
enum class Cause {
  kNearTie,      ///< the two best candidates are as close as arithmetic blurs
  kDefectInA,    ///< B has PyTorch's code
  kDefectInB,    ///< A has PyTorch's code
  kDefectInBoth  ///< neither has
};
[[nodiscard]] const char* to_string(Cause cause);

struct Verdict {
  Cause cause = Cause::kNearTie;
  std::int32_t expected = 0;  ///< PyTorch's code
  std::int32_t runner_up = 0;
  double margin = 0;     ///< relative gap of their quotients p / q
  double tolerance = 0;  ///< a smaller margin is a near-tie
};

/// Replays the draw at the first difference.
///
/// logits     the row there
/// blur       how much the logits of the two sides differ there; a margin
///            below 1e-5 + 2 blur / temperature is a near-tie
/// n_before   draws of the generation before it (frame * K + codebook)
[[nodiscard]] Verdict judge_difference(std::span<const float> logits,
                                       const sampling::SamplerOptions& options,
                                       std::uint64_t seed,
                                       std::int64_t n_before,
                                       std::int32_t code_a, std::int32_t code_b,
                                       double blur);

/// Statistics of two utterances: sizes, match rate in all and by codebook,
/// and how alike the codes' frequencies are.
[[nodiscard]] OrderedJson compare_token_files(const TokenFile& a,
                                              const TokenFile& b);

}  // namespace csm::validate
