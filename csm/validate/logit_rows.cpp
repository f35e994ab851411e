#include "csm/validate/logit_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/sampling/sampler.h"

namespace csm::validate {
namespace {

constexpr int kMaxValues = 1 << 29;  // 2 GiB of logits

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[validate.logits] " + message);
}

bool can_be_sampled(std::span<const float> row) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  bool any_finite = false;
  for (const float logit : row) {
    if (!(logit < kInfinity)) return false;  // +infinity, NaN
    any_finite = any_finite || std::isfinite(logit);
  }
  return any_finite;
}

void draw_call(const LogitRows& rows, const sampling::SamplerOptions& options,
               sampling::NoiseStream& noise, std::span<std::int32_t> codes) {
  const auto vocab = static_cast<std::size_t>(rows.vocab);
  const std::size_t n_values = codes.size() * vocab;
  std::vector<std::uint32_t> words;
  std::vector<float> values;
  if (!options.greedy && noise.has_words()) {
    words.resize(2 * n_values);
    noise.draw_call_words(words);
  } else if (!options.greedy) {
    values.resize(n_values);
    noise.draw_call(values);
  }
  for (std::size_t row = 0; row < codes.size(); ++row) {
    const auto noise_row =
        words.empty()
            ? sampling::NoiseRow::values(
                  values.empty() ? std::span<const float>()
                                 : std::span<const float>(values).subspan(
                                       row * vocab, vocab))
            : sampling::NoiseRow::words(
                  std::span<const std::uint32_t>(words).subspan(2 * row * vocab,
                                                                2 * vocab));
    codes[row] =
        sampling::draw_code(rows.row(static_cast<int>(row)), noise_row, options)
            .code;
    if (codes[row] == sampling::kBadLogits) {
      fail(str_cat("expected logits that can be sampled from, got none (row ",
                   row, ")"));
    }
  }
}

}  // namespace

std::span<const float> LogitRows::row(int row) const {
  const auto width = static_cast<std::size_t>(vocab);
  return std::span<const float>(data).subspan(
      static_cast<std::size_t>(row) * width, width);
}

void LogitRows::validate(const std::string& origin) const {
  const bool positive = n_frames > 0 && n_codebooks > 0 && vocab > 0;
  if (!positive || data.size() > kMaxValues ||
      data.size() != static_cast<std::size_t>(n_frames) *
                         static_cast<std::size_t>(n_codebooks) *
                         static_cast<std::size_t>(vocab)) {
    fail(str_cat("expected 1 to ", kMaxValues, " logits, got ", n_frames, " x ",
                 n_codebooks, " x ", vocab, " (", origin, ")"));
  }
  if (n_valid_codes < 1 || n_valid_codes > vocab) {
    fail(str_cat("expected 1 to ", vocab, " valid codes, got ", n_valid_codes));
  }
  for (int row_idx = 0; row_idx < n_rows(); ++row_idx) {
    if (!can_be_sampled(row(row_idx))) {
      fail(
          str_cat("expected finite logits, got NaN, +infinity or none finite "
                  "(",
                  origin, ", row ", row_idx, ")"));
    }
  }
}

std::vector<std::int32_t> draw_with_csm(
    const LogitRows& rows, const sampling::SamplerOptions& options,
    sampling::Rng rng, int n_draws, std::uint64_t seed,
    const std::function<void(int)>& progress) {
  if (!options.greedy) options.validate();
  const auto n_rows = static_cast<std::size_t>(rows.n_rows());
  sampling::NoiseStream noise(rng, seed);
  std::vector<std::int32_t> codes(static_cast<std::size_t>(n_draws) * n_rows);
  for (int draw = 0; draw < n_draws; ++draw) {
    draw_call(rows, options, noise,
              std::span<std::int32_t>(codes).subspan(
                  static_cast<std::size_t>(draw) * n_rows, n_rows));
    if (progress) progress(draw + 1);
  }
  return codes;
}

DrawCodes csm_sampler() {
  return [](const LogitRows& rows, const sampling::SamplerOptions& options,
            int n_draws, std::uint64_t seed) {
    return draw_with_csm(rows, options, sampling::Rng::kTorchCpu, n_draws,
                         seed);
  };
}

}  // namespace csm::validate
