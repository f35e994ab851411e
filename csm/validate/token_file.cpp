#include "csm/validate/token_file.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/match.h"
#include "csm/validate/reference_sampler.h"
#include "csm/validate/similarity.h"

namespace csm::validate {
namespace {

std::size_t index_of(Place place, int n_codebooks) {
  return static_cast<std::size_t>(place.frame) *
             static_cast<std::size_t>(n_codebooks) +
         static_cast<std::size_t>(place.codebook);
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0.0;
  for (std::size_t idx = 0; idx < a.size(); ++idx) {
    if (a[idx] == b[idx]) continue;
    const double d =
        std::abs(static_cast<double>(a[idx]) - static_cast<double>(b[idx]));
    if (!(d <= largest)) largest = d;  // NaN counts
  }
  return largest;
}

OrderedJson compare_frequencies(const TokenFile& a, const TokenFile& b) {
  if (a.codes.empty() || b.codes.empty()) return nullptr;
  const std::int32_t largest =
      std::max(*std::max_element(a.codes.begin(), a.codes.end()),
               *std::max_element(b.codes.begin(), b.codes.end()));
  return to_json(compare_counts(count_codes(a.codes, largest + 1),
                                count_codes(b.codes, largest + 1)));
}

}  // namespace

std::optional<Place> first_difference(const TokenFile& a, const TokenFile& b) {
  if (a.n_codebooks != b.n_codebooks) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[validate.tokens] expected as many codebooks on both "
                        "sides, got ",
                        a.n_codebooks, " (", a.name, ") and ", b.n_codebooks,
                        " (", b.name, ")"));
  }
  const std::size_t n = std::min(a.codes.size(), b.codes.size());
  for (std::size_t idx = 0; idx < n; ++idx) {
    if (a.codes[idx] == b.codes[idx]) continue;
    const auto width = static_cast<std::size_t>(a.n_codebooks);
    return Place{static_cast<int>(idx / width), static_cast<int>(idx % width)};
  }
  if (a.n_frames == b.n_frames) return std::nullopt;
  return Place{std::min(a.n_frames, b.n_frames), 0};
}

std::span<const float> TokenLogits::row(Place place) const {
  const auto width = static_cast<std::size_t>(vocab);
  return std::span<const float>(values).subspan(
      index_of(place, n_codebooks) * width, width);
}

LogitDifference compare_logits(const TokenLogits& a, const TokenLogits& b,
                               Place last, double tolerance) {
  if (a.n_codebooks != b.n_codebooks || a.vocab != b.vocab) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[validate.tokens] expected logits of one model, got ",
                        a.n_codebooks, " x ", a.vocab, " and ", b.n_codebooks,
                        " x ", b.vocab));
  }
  LogitDifference result;
  const int n_frames = std::min({a.n_frames, b.n_frames, last.frame + 1});
  for (int frame = 0; frame < n_frames; ++frame) {
    const int end = frame == last.frame ? last.codebook + 1 : a.n_codebooks;
    for (int codebook = 0; codebook < end; ++codebook) {
      const Place place{frame, codebook};
      result.at_last = largest_difference(a.row(place), b.row(place));
      const bool differs = !(result.at_last <= tolerance);
      if (differs && !result.first) result.first = place;
    }
  }
  return result;
}

const char* to_string(Cause cause) {
  switch (cause) {
    case Cause::kNearTie:
      return "near-tie";
    case Cause::kDefectInA:
      return "defect in A";
    case Cause::kDefectInB:
      return "defect in B";
    case Cause::kDefectInBoth:
      return "defect in both";
  }
  return "unknown";
}

Verdict judge_difference(std::span<const float> logits,
                         const sampling::SamplerOptions& options,
                         std::uint64_t seed, std::int64_t n_before,
                         std::int32_t code_a, std::int32_t code_b,
                         double blur) {
  const Replay replay = replay_draw(logits, options, seed, n_before);
  const double scale =
      options.greedy ? 1.0 : static_cast<double>(options.temperature);
  Verdict verdict = {.cause = Cause::kDefectInBoth,
                     .expected = replay.best,
                     .runner_up = replay.second,
                     .margin = replay.margin,
                     .tolerance = kNearTie + 2.0 * blur / scale};
  const auto is_candidate = [&](std::int32_t code) {
    return code == replay.best || code == replay.second;
  };
  const bool close = replay.margin < verdict.tolerance;
  if (close && is_candidate(code_a) && is_candidate(code_b)) {
    verdict.cause = Cause::kNearTie;
  } else if (code_a == replay.best) {
    verdict.cause = Cause::kDefectInB;
  } else if (code_b == replay.best) {
    verdict.cause = Cause::kDefectInA;
  }
  return verdict;
}

OrderedJson compare_token_files(const TokenFile& a, const TokenFile& b) {
  const auto width = static_cast<std::size_t>(a.n_codebooks);
  const std::size_t common = std::min(a.codes.size(), b.codes.size());
  OrderedJson json = {{"frames", {a.n_frames, b.n_frames}},
                      {"codebooks", a.n_codebooks}};
  if (common > 0) {
    const Match match =
        match_codes(std::span<const std::int32_t>(a.codes).first(common),
                    std::span<const std::int32_t>(b.codes).first(common), {},
                    0.0, static_cast<int>(width));
    json["match_rate"] = match.rate();
    json["match_rate_by_codebook"] = match.by_row;
  }
  json["frequencies"] = compare_frequencies(a, b);
  json["repetition"] = {repetition_rate(a.codes, a.n_frames, a.n_codebooks),
                        repetition_rate(b.codes, b.n_frames, b.n_codebooks)};
  return json;
}

}  // namespace csm::validate
