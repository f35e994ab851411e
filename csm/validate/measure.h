#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/validate/logit_rows.h"

namespace csm::validate {

/// How much is drawn for one setting.
struct MeasureOptions {
  int n_draws = 1000;      ///< from every row
  std::uint64_t seed = 1;  ///< of the equal noise; independent ones follow
  int n_permutations = 199;
  /// Sizes of the sample-size curve; those above n_draws are left out.
  std::vector<int> curve = {};
  bool breakdown = false;  ///< per codebook and per frame
  bool safety = true;      ///< also draw with every codec-safety rule
};

/// The samples that one setting is judged by, each [n_draws, N].
struct Samples {
  std::vector<std::int32_t> ours;         ///< the sampler under test, seed
  std::vector<std::int32_t> equal;        ///< reference, the same seed
  std::vector<float> margins;             ///< of `equal`
  std::vector<std::int32_t> independent;  ///< reference, another seed
  std::vector<std::int32_t> floor;        ///< reference, a third seed
};

/// Seeds of the reference runs that share no noise with `seed`.
[[nodiscard]] std::uint64_t independent_seed(std::uint64_t seed, int run);

/// Draws all samples of one setting.
///
/// step  called between the stages with what comes next; may be empty
[[nodiscard]] Samples draw_samples(
    const LogitRows& rows, const sampling::SamplerOptions& options,
    const MeasureOptions& measure, const DrawCodes& sampler,
    const std::function<void(const std::string&)>& step = {});

/// Judges samples: every metric of docs/validation.md, as the object that
/// results.json holds for one setting.
[[nodiscard]] OrderedJson judge(const LogitRows& rows,
                                const sampling::SamplerOptions& options,
                                const MeasureOptions& measure,
                                const Samples& samples);

/// What each codec-safety rule does, at equal noise, to the sampler's codes:
/// an array with one object a rule.
[[nodiscard]] OrderedJson measure_safety(const LogitRows& rows,
                                         sampling::SamplerOptions options,
                                         const MeasureOptions& measure,
                                         const DrawCodes& sampler);

/// draw_samples, judge and measure_safety.
[[nodiscard]] OrderedJson measure(
    const LogitRows& rows, const sampling::SamplerOptions& options,
    const MeasureOptions& measure, const DrawCodes& sampler,
    const std::function<void(const std::string&)>& step = {});

}  // namespace csm::validate
