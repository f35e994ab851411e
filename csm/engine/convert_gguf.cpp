#include "csm/engine/convert_gguf.h"

#include <cstdint>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/convert_config.h"
#include "csm/text/csm_form.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/gguf_file.h"
#include "csm/weights/gguf_head.h"
#include "csm/weights/gguf_tokenizer.h"

namespace csm::engine {
namespace {

using weights::Dtype;

// ggml's numbers of what most weights of a file are.
std::uint32_t file_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF16:
      return 1;
    case Dtype::kQ4_0:
      return 2;
    case Dtype::kQ8_0:
      return 7;
    case Dtype::kBf16:
      return 32;
    default:
      return 0;
  }
}

Json spelt_out(const model::ModelConfig& model,
               const codec::MimiConfig& codec) {
  return converted_config({.model = Json::object(), .codec = Json::object()},
                          model, codec,
                          /*tied_tables=*/true, weights::Layout::kCsmTts);
}

// What the template makes of no text.
std::vector<std::int32_t> frame_of_text(const Json& tokenizer) {
  return text::Tokenizer::parse(JsonObject(tokenizer, "tokenizer.json"))
      .encode("", true);
}

// Nothing if a reader would make another tokenizer of them.
std::optional<weights::GgufTokens> tokens_of(const Json& tokenizer,
                                             const model::ModelConfig& config) {
  auto tokens = weights::gguf_tokens_of(tokenizer);
  if (!tokens) return std::nullopt;
  Json read = weights::llama3_tokenizer(*tokens, "tokenizer.json");
  text::give_csm_form(
      read, {.audio = config.audio_token, .audio_eos = config.audio_eos_token});
  if (frame_of_text(read) != frame_of_text(tokenizer)) return std::nullopt;
  return tokens;
}

}  // namespace

weights::GgufPairs gguf_head(const ModelSource& source,
                             const std::optional<Json>& tokenizer,
                             const std::string& name, Dtype matrices) {
  Json config = spelt_out(source.config, source.codec);
  config["codec_config"]["frame_rate"] =
      static_cast<double>(source.codec.sample_rate) /
      source.codec.frame_samples();
  weights::GgufPairs pairs =
      weights::gguf_pairs(config, name, file_type(matrices));
  if (!tokenizer) return pairs;
  if (const auto tokens = tokens_of(*tokenizer, source.config)) {
    weights::add_gguf_tokens(*tokens, pairs);
  }
  return pairs;
}

void check_gguf(const std::filesystem::path& path, const ModelSource& source) {
  const weights::GgufFile file(path);
  const Json json = file.config().value();
  const JsonObject object(json, path.string());
  const auto model =
      model::ModelConfig::parse(object, weights::Layout::kCsmTts);
  const auto codec = codec::MimiConfig::parse(object.object("codec_config"));
  const Json want = spelt_out(source.config, source.codec);
  const Json got = spelt_out(model, codec);
  if (got == want) return;
  const auto field = Json::diff(want, got).front()["path"].get<std::string>();
  throw Error(
      ErrorCode::kUnsupported,
      str_cat("[engine.convert_model] expected a model that GGUF files "
              "of csm-tts can describe, got one with another ",
              field, " than they say (", source.store.path().string(), ")"));
}

}  // namespace csm::engine
