#include "cli/tokens_options.h"

#include <limits>
#include <utility>

#include "cli/console.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/npy.h"

namespace csm::cli {
void TokenSampling::add_to(CLI::App& command) {
  command.add_option("--temperature", temperature, "Divides the logits")
      ->capture_default_str();
  command
      .add_option("--top-k", top_k,
                  "Most probable codes that stay in the draw; more than "
                  "there are keeps all")
      ->capture_default_str();
  command.add_flag("--greedy", greedy, "Always the most probable code");
  command
      .add_option("--sampler", sampler, "Arithmetic of torch-f32 or torch-bf16")
      ->capture_default_str();
  command
      .add_option("--codec-safety", codec_safety,
                  "mask-invalid, torch or legacy-range")
      ->capture_default_str();
  command.add_option("--seed", seed, "Same seed, same codes")
      ->capture_default_str();
}

sampling::SamplerOptions TokenSampling::resolve(int n_valid) const {
  sampling::SamplerOptions options;
  options.temperature = temperature;
  options.top_k = top_k;
  options.greedy = greedy;
  options.kind =
      known("--sampler", sampling::parse_sampler_kind(sampler), sampler);
  options.codec_safety =
      known("--codec-safety", sampling::parse_codec_safety(codec_safety),
            codec_safety);
  options.n_valid_codes = n_valid;
  if (!greedy) options.validate();
  return options;
}

validate::LogitRows read_logits(const std::string& path, int n_valid) {
  auto array = weights::read_npy_f32(path);
  const auto& shape = array.shape;
  if (shape.empty() || shape.size() > 3) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli.tokens] expected logits of shape [V], [N, V] or "
                        "[F, K, V], got ",
                        shape.size(), " dimensions (", path, ")"));
  }
  for (const std::int64_t size : shape) {
    if (size > std::numeric_limits<int>::max()) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[cli.tokens] expected fewer logits (", path, ")"));
    }
  }
  const auto size_at = [&](std::size_t from_end) {
    return from_end <= shape.size()
               ? static_cast<int>(shape[shape.size() - from_end])
               : 1;
  };
  const bool by_codebook = shape.size() == 3;
  validate::LogitRows rows = {.n_frames = size_at(by_codebook ? 3 : 2),
                              .n_codebooks = by_codebook ? size_at(2) : 1,
                              .vocab = size_at(1),
                              .n_valid_codes = n_valid,
                              .data = std::move(array.data)};
  if (n_valid == 0) rows.n_valid_codes = rows.vocab;
  rows.validate(path);
  return rows;
}

sampling::Rng rng_option(const std::string& name) {
  return known("--rng", sampling::parse_rng(name), name);
}

}  // namespace csm::cli
