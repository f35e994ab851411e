#include "cli/tokens_source.h"

#include <algorithm>
#include <fstream>

#include "cli/console.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"
#include "csm/validate/model_source.h"

namespace csm::cli {

void TokenSource::add_to(CLI::App& command) {
  model.add_to(command);
  model_option_ = command.get_option("--model");
  command.add_option("--logits", logits,
                     "Test on these logits instead of a model's: .npy, float32 "
                     "[codes], [rows, codes] or [frames, codebooks, codes]");
  command
      .add_option("--valid-codes", valid_codes,
                  "With --logits: codes that the codec can decode (default: "
                  "all)")
      ->check(CLI::Range(1, 1 << 30));
  command.add_option("--prompts", prompts,
                     "File of texts that the model speaks, one a line");
}

std::vector<std::string> TokenSource::read_prompts(int n_prompts) const {
  std::vector<std::string> lines;
  if (prompts.empty()) {
    lines = validate::default_prompts();
  } else {
    std::ifstream in(prompts);
    if (!in) {
      throw Error(
          ErrorCode::kNotFound,
          str_cat("[cli.tokens] cannot read --prompts '", prompts, "'"));
    }
    for (std::string line; std::getline(in, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) lines.push_back(line);
    }
    if (lines.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[cli.tokens] expected a prompt on every line, got "
                          "none (",
                          prompts, ")"));
    }
  }
  lines.resize(std::min(lines.size(), static_cast<std::size_t>(n_prompts)));
  return lines;
}

TokenSource::Rows TokenSource::load_from_model(
    const TokenSampling& sampling, const Size& size,
    const std::function<void(int, int)>& progress) const {
  const engine::EngineOptions engine_options = model.resolve();
  engine::Engine engine(engine_options);
  const auto sampler = sampling.resolve(engine.facts().n_codec_codes);
  validate::ModelSourceOptions options;
  options.prompts = read_prompts(size.n_prompts);
  options.n_seeds = size.n_seeds;
  options.n_frames = size.n_frames;
  options.generation.seed = sampling.seed;
  options.generation.temperature = sampler.temperature;
  options.generation.top_k = std::min(sampler.top_k, engine.facts().n_codes);
  options.generation.sampler = sampler.kind;
  auto loaded = validate::rows_of_model(engine, options, progress);
  loaded.description["name"] =
      model.model.empty() ? "the demo model" : model.model;
  loaded.description["dtype"] = to_string(engine_options.weight_type);
  return {std::move(loaded.rows), std::move(loaded.description)};
}

TokenSource::Rows TokenSource::load(
    const TokenSampling& sampling, const Size& size,
    const std::function<void(int, int)>& progress) const {
  if (!logits.empty() && model_option_->count() > 0) {
    throw UsageError("--logits and --model exclude each other");
  }
  if (logits.empty() && valid_codes != 0) {
    throw UsageError("--valid-codes belongs to --logits");
  }
  Rows source;
  if (logits.empty()) {
    source = load_from_model(sampling, size, progress);
  } else {
    source.rows =
        spread_frames(read_logits(logits, valid_codes), size.n_frames);
    source.description["name"] = logits;
  }
  source.rows.validate(source.description["name"].get<std::string>());
  source.description["frames"] = source.rows.n_frames;
  source.description["codebooks"] = source.rows.n_codebooks;
  source.description["codes"] = source.rows.vocab;
  source.description["codec_codes"] = source.rows.n_valid_codes;
  return source;
}

validate::LogitRows spread_frames(const validate::LogitRows& rows, int n) {
  if (n >= rows.n_frames) return rows;
  const auto frame_values = static_cast<std::size_t>(rows.n_codebooks) *
                            static_cast<std::size_t>(rows.vocab);
  validate::LogitRows spread = rows;
  spread.n_frames = n;
  spread.data.clear();
  for (int frame = 0; frame < n; ++frame) {
    const auto from =
        static_cast<std::size_t>(std::int64_t{frame} * rows.n_frames / n);
    const auto begin =
        rows.data.begin() + static_cast<std::ptrdiff_t>(from * frame_values);
    spread.data.insert(spread.data.end(), begin,
                       begin + static_cast<std::ptrdiff_t>(frame_values));
  }
  return spread;
}

}  // namespace csm::cli
