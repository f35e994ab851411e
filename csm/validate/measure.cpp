#include "csm/validate/measure.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "csm/validate/chi_square.h"
#include "csm/validate/match.h"
#include "csm/validate/permutation.h"
#include "csm/validate/reference_sampler.h"
#include "csm/validate/setting.h"
#include "csm/validate/similarity.h"

namespace csm::validate {
namespace {

using sampling::CodecSafety;
using sampling::SamplerKind;
using sampling::SamplerOptions;

/// The metrics of one row of logits.
struct RowScores {
  Similarity equal, independent, floor;
  GoodnessOfFit fit_ours, fit_reference;
  double entropy_ours = 0, entropy_reference = 0, entropy_analytic = 0;
};

RowScores score_row(const LogitRows& rows, const SamplerOptions& options,
                    const Samples& samples, int row) {
  const auto first = static_cast<std::size_t>(row);
  const auto stride = static_cast<std::size_t>(rows.n_rows());
  const auto count = [&](std::span<const std::int32_t> codes) {
    return count_codes(codes, rows.vocab, first, stride);
  };
  const auto ours = count(samples.ours);
  const auto independent = count(samples.independent);
  const auto analytic = analytic_distribution(rows.row(row), options);
  return {
      .equal = compare_counts(ours, count(samples.equal)),
      .independent = compare_counts(ours, independent),
      .floor = compare_counts(independent, count(samples.floor)),
      .fit_ours = goodness_of_fit(ours, analytic),
      .fit_reference = goodness_of_fit(independent, analytic),
      .entropy_ours = entropy(std::span<const std::int64_t>(ours)),
      .entropy_reference = entropy(std::span<const std::int64_t>(independent)),
      .entropy_analytic = entropy(std::span<const double>(analytic))};
}

OrderedJson to_json(const GoodnessOfFit& fit) {
  return {{"statistic", fit.statistic},
          {"dof", fit.dof},
          {"p_value", fit.p_value()},
          {"outside", fit.outside}};
}

/// Means over the rows of a group; `keep(row)` says which belong to it.
template <class Keep>
OrderedJson summarise(const std::vector<RowScores>& scores, Keep keep) {
  RowScores sum;
  double n = 0.0;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    if (!keep(static_cast<int>(row))) continue;
    n += 1.0;
    sum.equal += scores[row].equal;
    sum.independent += scores[row].independent;
    sum.floor += scores[row].floor;
    sum.fit_ours += scores[row].fit_ours;
    sum.fit_reference += scores[row].fit_reference;
    sum.entropy_ours += scores[row].entropy_ours;
    sum.entropy_reference += scores[row].entropy_reference;
    sum.entropy_analytic += scores[row].entropy_analytic;
  }
  sum.equal /= n;
  sum.independent /= n;
  sum.floor /= n;
  return {{"equal_noise", to_json(sum.equal)},
          {"independent_noise", to_json(sum.independent)},
          {"noise_floor", to_json(sum.floor)},
          {"chi_square", to_json(sum.fit_ours)},
          {"chi_square_reference", to_json(sum.fit_reference)},
          {"entropy",
           {{"ours", sum.entropy_ours / n},
            {"reference", sum.entropy_reference / n},
            {"analytic", sum.entropy_analytic / n}}}};
}

template <class Keep>
double mean_if(const std::vector<double>& values, Keep keep) {
  double sum = 0.0;
  double n = 0.0;
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!keep(static_cast<int>(row))) continue;
    sum += values[row];
    n += 1.0;
  }
  return sum / n;
}

OrderedJson describe_match(const Match& match, const LogitRows& rows,
                           std::uint64_t seed) {
  const auto interval = bootstrap_mean(match.by_row, seed);
  OrderedJson json = {
      {"codes", match.n_codes},     {"equal", match.n_equal},
      {"rate", match.rate()},       {"near_ties", match.n_near_ties},
      {"defects", match.n_defects}, {"rate_95", {interval.low, interval.high}}};
  if (match.first_defect) {
    const auto n_rows = std::int64_t{rows.n_rows()};
    const std::int64_t row = *match.first_defect % n_rows;
    json["first_defect"] = {{"draw", *match.first_defect / n_rows},
                            {"frame", row / rows.n_codebooks},
                            {"codebook", row % rows.n_codebooks}};
  }
  return json;
}

std::int64_t count_invalid(std::span<const std::int32_t> codes, int n_valid) {
  return std::count_if(codes.begin(), codes.end(), [&](std::int32_t code) {
    return code < 0 || code >= n_valid;
  });
}

// All rows in one histogram: what a count of tokens over whole utterances
// compares.
OrderedJson compare_pooled(const LogitRows& rows, const Samples& samples) {
  const auto ours = count_codes(samples.ours, rows.vocab);
  const auto independent = count_codes(samples.independent, rows.vocab);
  return {{"equal_noise", to_json(compare_counts(
                              ours, count_codes(samples.equal, rows.vocab)))},
          {"independent_noise", to_json(compare_counts(ours, independent))},
          {"noise_floor",
           to_json(compare_counts(independent,
                                  count_codes(samples.floor, rows.vocab)))}};
}

// Mean similarity over the rows of the first n draws of two samples.
double similarity_of_first(const LogitRows& rows,
                           std::span<const std::int32_t> a,
                           std::span<const std::int32_t> b, int n_draws) {
  const auto stride = static_cast<std::size_t>(rows.n_rows());
  const std::size_t size = static_cast<std::size_t>(n_draws) * stride;
  double sum = 0.0;
  for (std::size_t row = 0; row < stride; ++row) {
    sum += distribution_similarity(
        count_codes(a.first(size), rows.vocab, row, stride),
        count_codes(b.first(size), rows.vocab, row, stride));
  }
  return sum / static_cast<double>(stride);
}

OrderedJson sample_size_curve(const LogitRows& rows,
                              const MeasureOptions& measure,
                              const Samples& samples) {
  OrderedJson curve = OrderedJson::array();
  for (const int size : measure.curve) {
    if (size > measure.n_draws) continue;
    curve.push_back(
        {{"draws", size},
         {"equal_noise",
          similarity_of_first(rows, samples.ours, samples.equal, size)},
         {"independent_noise",
          similarity_of_first(rows, samples.ours, samples.independent, size)},
         {"noise_floor", similarity_of_first(rows, samples.independent,
                                             samples.floor, size)}});
  }
  return curve;
}

OrderedJson break_down(const LogitRows& rows,
                       const std::vector<RowScores>& scores,
                       const Match& match) {
  OrderedJson by_codebook = OrderedJson::array();
  for (int codebook = 0; codebook < rows.n_codebooks; ++codebook) {
    const auto keep = [&](int row) {
      return row % rows.n_codebooks == codebook;
    };
    OrderedJson entry = summarise(scores, keep);
    entry["codebook"] = codebook;
    entry["match_rate"] = mean_if(match.by_row, keep);
    by_codebook.push_back(std::move(entry));
  }
  OrderedJson by_frame = OrderedJson::array();
  for (int frame = 0; frame < rows.n_frames; ++frame) {
    const auto keep = [&](int row) { return row / rows.n_codebooks == frame; };
    OrderedJson entry = summarise(scores, keep);
    entry["frame"] = frame;
    entry["match_rate"] = mean_if(match.by_row, keep);
    by_frame.push_back(std::move(entry));
  }
  return {{"by_codebook", by_codebook}, {"by_frame", by_frame}};
}

// Pooled over all rows: how often each code is drawn, and should be.
OrderedJson token_frequency(const LogitRows& rows,
                            const SamplerOptions& options,
                            const Samples& samples) {
  std::vector<double> analytic(static_cast<std::size_t>(rows.vocab), 0.0);
  for (int row = 0; row < rows.n_rows(); ++row) {
    const auto chances = analytic_distribution(rows.row(row), options);
    for (std::size_t code = 0; code < chances.size(); ++code) {
      analytic[code] += chances[code] / rows.n_rows();
    }
  }
  return {{"ours", count_codes(samples.ours, rows.vocab)},
          {"reference", count_codes(samples.independent, rows.vocab)},
          {"analytic", analytic}};
}

}  // namespace

std::uint64_t independent_seed(std::uint64_t seed, int run) {
  // Far apart, and different in the low 32 bits that count.
  constexpr std::uint64_t kStep = 1000003;
  return seed + kStep * static_cast<std::uint64_t>(run);
}

Samples draw_samples(const LogitRows& rows, const SamplerOptions& options,
                     const MeasureOptions& measure, const DrawCodes& sampler,
                     const std::function<void(const std::string&)>& step) {
  const auto announce = [&](const char* what) {
    if (step) step(what);
  };
  Samples samples;
  announce("drawing");
  samples.ours = sampler(rows, options, measure.n_draws, measure.seed);
  announce("reference, equal noise");
  auto equal = draw_reference(rows, options, measure.n_draws, measure.seed);
  samples.equal = std::move(equal.codes);
  samples.margins = std::move(equal.margins);
  announce("reference, other noise");
  samples.independent = draw_reference(rows, options, measure.n_draws,
                                       independent_seed(measure.seed, 1))
                            .codes;
  announce("noise floor");
  samples.floor = draw_reference(rows, options, measure.n_draws,
                                 independent_seed(measure.seed, 2))
                      .codes;
  return samples;
}

OrderedJson judge(const LogitRows& rows, const SamplerOptions& options,
                  const MeasureOptions& measure, const Samples& samples) {
  std::vector<RowScores> scores;
  for (int row = 0; row < rows.n_rows(); ++row) {
    scores.push_back(score_row(rows, options, samples, row));
  }
  const bool is_f32 = options.kind == SamplerKind::kTorchF32;
  const Match match = match_codes(samples.ours, samples.equal, samples.margins,
                                  is_f32 ? kNearTie : 0.0, rows.n_rows());
  const auto permutation =
      permutation_test(samples.ours, samples.independent, rows.n_rows(),
                       rows.vocab, measure.n_permutations, measure.seed);

  OrderedJson json = {{"temperature", decimal(options.temperature)},
                      {"top_k", options.top_k},
                      {"draws", measure.n_draws},
                      {"rows", rows.n_rows()},
                      {"match", describe_match(match, rows, measure.seed)}};
  json.update(summarise(scores, [](int) { return true; }));
  json["pooled"] = compare_pooled(rows, samples);
  json["floor_gap"] = json["independent_noise"]["similarity"].get<double>() -
                      json["noise_floor"]["similarity"].get<double>();
  json["permutation"] = {
      {"observed", permutation.observed},
      {"null_95", {permutation.null_low, permutation.null_high}},
      {"p_value", permutation.p_value}};
  json["invalid_codes"] = count_invalid(samples.ours, rows.n_valid_codes);
  if (!measure.curve.empty()) {
    json["sample_sizes"] = sample_size_curve(rows, measure, samples);
  }
  if (measure.breakdown) {
    json["tokens"] = token_frequency(rows, options, samples);
    json["repetition"] = {
        {"ours",
         repetition_rate(samples.ours, rows.n_frames, rows.n_codebooks)},
        {"reference", repetition_rate(samples.independent, rows.n_frames,
                                      rows.n_codebooks)}};
    json.update(break_down(rows, scores, match));
  }
  return json;
}

OrderedJson measure_safety(const LogitRows& rows, SamplerOptions options,
                           const MeasureOptions& measure,
                           const DrawCodes& sampler) {
  options.n_valid_codes = rows.n_valid_codes;
  const auto draw = [&](CodecSafety rule) {
    options.codec_safety = rule;
    return sampler(rows, options, measure.n_draws, measure.seed);
  };
  const auto plain = draw(CodecSafety::kTorch);
  const auto plain_counts = count_codes(plain, rows.vocab);
  OrderedJson rules = OrderedJson::array();
  for (const auto rule : {CodecSafety::kMaskInvalid, CodecSafety::kTorch,
                          CodecSafety::kLegacyRange}) {
    const auto codes = rule == CodecSafety::kTorch ? plain : draw(rule);
    const Match match = match_codes(codes, plain, {}, 0.0, rows.n_rows());
    rules.push_back(
        {{"rule", sampling::to_string(rule)},
         {"changed_rate", 1.0 - match.rate()},
         {"invalid_codes", count_invalid(codes, rows.n_valid_codes)},
         {"similarity", distribution_similarity(count_codes(codes, rows.vocab),
                                                plain_counts)}});
  }
  return rules;
}

OrderedJson measure(const LogitRows& rows, const SamplerOptions& options,
                    const MeasureOptions& measure, const DrawCodes& sampler,
                    const std::function<void(const std::string&)>& step) {
  const Samples samples = draw_samples(rows, options, measure, sampler, step);
  if (step) step("metrics");
  OrderedJson json = judge(rows, options, measure, samples);
  if (measure.safety && !options.greedy) {
    if (step) step("codec safety");
    json["codec_safety"] = measure_safety(rows, options, measure, sampler);
  }
  return json;
}

}  // namespace csm::validate
