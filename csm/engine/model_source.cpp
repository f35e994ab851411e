#include "csm/engine/model_source.h"

#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/memory_info.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/engine/model_cost.h"
#include "csm/engine/random_model.h"
#include "csm/model/generation_defaults.h"
#include "csm/text/csm_form.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/ggml_blocks.h"
#include "csm/weights/lora.h"
#include "csm/weights/model_digest.h"
#include "csm/weights/quantization.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using weights::Layout;

constexpr const char* kConfigName = "config.json";
constexpr const char* kTokenizerName = "tokenizer.json";
constexpr const char* kCodecKey = "codec_config";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(code, str_cat("[engine] ", what, " (", where.string(), ")"));
}

// JSON and where it is from.
struct Document {
  Json json;
  std::string origin;

  [[nodiscard]] JsonObject object() const { return {json, origin}; }
};

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

Document read_document(const fs::path& path) {
  return {parse_json_file(path), path.string()};
}

Document model_document(const weights::Checkpoint& checkpoint,
                        const fs::path& folder) {
  const fs::path path = folder / kConfigName;
  // A GGUF file of csm.rs does not say all, so that what is beside it wins.
  const bool is_whole = checkpoint.layout() == Layout::kCsmTts;
  if (is_whole || !is_there(path)) {
    if (auto inside = checkpoint.config()) {
      return {std::move(*inside), checkpoint.path().string()};
    }
  }
  // The original's and MLX's weights are at home without.
  const bool may_lack = checkpoint.layout() != Layout::kHuggingFace;
  if (may_lack && !is_there(path)) {
    return {Json::object(),
            str_cat("csm-1b's values, as there is no ", path.string())};
  }
  return read_document(path);
}

// The codec's part of the model's configuration, or its own.
Document codec_document(const weights::WeightStore& store,
                        const Document& model) {
  if (model.object().has(kCodecKey)) {
    return {model.json[kCodecKey], model.origin + ": " + kCodecKey};
  }
  if (const auto& codec = store.codec_checkpoint()) {
    const fs::path path = codec->path().parent_path() / kConfigName;
    if (is_there(path)) {
      Document own = read_document(path);
      if (own.object().string_or("model_type", "") == "mimi") return own;
    }
  }
  return {Json::object(), model.origin + ": " + kCodecKey};
}

fs::path tokenizer_path(const ModelFiles& files) {
  if (files.tokenizer.empty()) return files.folder() / kTokenizerName;
  std::error_code ignored;
  return fs::is_directory(files.tokenizer, ignored)
             ? files.tokenizer / kTokenizerName
             : files.tokenizer;
}

Document tokenizer_document(const weights::WeightStore& store,
                            const ModelFiles& files) {
  if (files.tokenizer.empty()) {
    if (auto inside = store.checkpoint().tokenizer()) {
      return {std::move(*inside), store.path().string()};
    }
  }
  const fs::path path = tokenizer_path(files);
  if (files.tokenizer.empty() && !is_there(path)) {
    fail(ErrorCode::kNotFound,
         "expected tokenizer.json beside the weights or given by --tokenizer, "
         "got none: it is in the hub repositories sesame/csm-1b and "
         "meta-llama/Llama-3.2-1B",
         path);
  }
  return read_document(path);
}

// In CSM's form.
Document csm_tokenizer(const weights::WeightStore& store,
                       const ModelFiles& files,
                       const model::ModelConfig& config) {
  Document document = tokenizer_document(store, files);
  text::give_csm_form(document.json, {.audio = config.audio_token,
                                      .audio_eos = config.audio_eos_token});
  return document;
}

ModelConfigs parse_configs(const weights::WeightStore& store,
                           const Document& model) {
  const Document codec = codec_document(store, model);
  return {.model = model::ModelConfig::parse(model.object(),
                                             store.checkpoint().layout()),
          .codec = codec::MimiConfig::parse(codec.object())};
}

void declare_quantization(weights::WeightStore& store, const Document& model) {
  auto quantization = weights::Quantization::parse(model.object());
  if (!quantization) return;
  if (!store.has_affine()) {
    fail(ErrorCode::kCorrupt,
         "expected integer weights as config.json says, got floats",
         store.path());
  }
  store.declare(std::move(*quantization));
}

WeightType type_of_form(weights::AffineForm form) {
  return weights::widened_form(form).bits == 4 ? WeightType::kInt4
                                               : WeightType::kInt8;
}

// The gate of the first layer.
const weights::SourceTensor* first_gate(const weights::Checkpoint& checkpoint) {
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (weights::canonical_name(checkpoint.layout(), name) == "bb.0.gate") {
      return &tensor;
    }
  }
  return nullptr;
}

// What the configuration says about integers, or the gate of the first layer:
// its blocks or the shape of its words tell.
WeightType type_of(const std::optional<weights::Quantization>& declared,
                   const weights::Checkpoint& checkpoint,
                   const model::ModelConfig& config) {
  if (declared) return type_of_form(declared->form);
  const weights::SourceTensor* gate = first_gate(checkpoint);
  if (gate == nullptr) return WeightType::kF32;
  const weights::TensorView& view = gate->view;
  if (const auto form = weights::affine_form_of(view.dtype)) {
    return type_of_form(*form);
  }
  if (view.dtype != weights::Dtype::kU32 || view.shape.size() != 2) {
    return WeightType::kF32;
  }
  const std::int64_t bits = 32 * view.shape[1] / config.backbone.width;
  return bits <= 4 ? WeightType::kInt4 : WeightType::kInt8;
}

// Integers are used as they are, or as the floats that they stand for.
void check_weight_type(const std::filesystem::path& folder,
                       const ModelSource& source, WeightType wanted) {
  const WeightType stored = stored_weight_type(source);
  if (stored == WeightType::kF32 || wanted == stored ||
      wanted == WeightType::kF32) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[engine] expected dtype ", to_string(stored),
                      ", as the weights are stored, or f32, got ",
                      to_string(wanted), " (", folder.string(), ")"));
}

// Memory is checked first, because running out of it ends other programs.
ModelSource open_random(const EngineOptions& options, ThreadPool* pool) {
  const Json json = random_model_config(options.random_weights);
  const JsonObject object(json, "random weights " + options.random_weights);
  const auto config = model::ModelConfig::parse(object);
  const auto codec_config =
      codec::MimiConfig::parse(object.object("codec_config"));
  codec_config.check_serves(config.n_codebooks, config.audio_vocab);
  require_memory(
      str_cat(options.random_weights, " at ", to_string(options.weight_type)),
      static_cast<std::uint64_t>(
          expected_memory(config, codec_config, options.weight_type) +
          (options.encoder ? encoder_memory(codec_config) : 0)),
      available_memory());
  return {.config = config,
          .codec = codec_config,
          .tokenizer = std::nullopt,
          .store = weights::WeightStore::random(options.weight_seed, pool)};
}

}  // namespace

ModelFacts ModelSource::facts() const {
  return {.n_codebooks = config.n_codebooks,
          .n_codes = config.audio_vocab,
          .n_codec_codes = codec.codebook_size,
          .n_codec_codebooks = codec.n_codebooks,
          .n_text_tokens = config.text_vocab,
          .max_positions = config.backbone.max_positions,
          .sample_rate_hz = codec.sample_rate,
          .samples_per_frame = codec.frame_samples()};
}

ModelConfigs read_configs(const weights::WeightStore& store,
                          const ModelFiles& files) {
  return parse_configs(store,
                       model_document(store.checkpoint(), files.folder()));
}

void require_codec(const weights::WeightStore& store) {
  if (store.has_codec()) return;
  fail(
      ErrorCode::kNotFound,
      "expected the weights of the codec Mimi in the model, beside it or given "
      "by --mimi, got none: they are tokenizer-e351c8d8-checkpoint125."
      "safetensors in the hub repository kyutai/moshiko-pytorch-bf16, or "
      "model.safetensors in kyutai/mimi",
      store.path());
}

ConfigDocuments read_documents(const weights::WeightStore& store,
                               const ModelFiles& files) {
  const Document model = model_document(store.checkpoint(), files.folder());
  return {.model = model.json, .codec = codec_document(store, model).json};
}

Json tokenizer_json(const weights::WeightStore& store, const ModelFiles& files,
                    const model::ModelConfig& config) {
  return csm_tokenizer(store, files, config).json;
}

text::Tokenizer load_tokenizer(const weights::WeightStore& store,
                               const ModelFiles& files,
                               const model::ModelConfig& config) {
  const Document document = csm_tokenizer(store, files, config);
  auto tokenizer = text::Tokenizer::parse(document.object());
  if (tokenizer.vocab_size() > config.text_vocab) {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[engine] expected at most ", config.text_vocab,
                        " text tokens as in config.json, got ",
                        tokenizer.vocab_size(), " (", document.origin, ")"));
  }
  return tokenizer;
}

ModelSource open_files(const ModelFiles& files, const SourceNeeds& needs) {
  auto store = weights::WeightStore::open(
      {.model = files.model, .layout = files.layout, .mimi = files.mimi});
  require_codec(store);
  const Document document = model_document(store.checkpoint(), files.folder());
  const ModelConfigs configs = parse_configs(store, document);
  const model::ModelConfig& config = configs.model;
  // Requests choose for themselves, but a broken file is a broken model.
  (void)model::GenerationDefaults::load(files.folder(), config.n_codebooks);
  configs.codec.check_serves(config.n_codebooks, config.audio_vocab);
  std::optional<text::Tokenizer> tokenizer;
  if (needs.tokenizer) tokenizer = load_tokenizer(store, files, config);
  store.set_head_dims({.backbone = config.backbone.head_dim,
                       .depth = config.depth.head_dim,
                       .codec = configs.codec.transformer.head_dim});
  declare_quantization(store, document);
  for (const AdapterFolder& adapter : files.adapters) {
    store.add(weights::LoraAdapter::open(adapter.path, adapter.strength));
  }
  return {.config = config,
          .codec = configs.codec,
          .tokenizer = std::move(tokenizer),
          .store = std::move(store)};
}

ModelSource open_model(const EngineOptions& options, ThreadPool* pool,
                       const SourceNeeds& needs) {
  if (!options.random_weights.empty()) return open_random(options, pool);
  ModelSource source = open_files(options.files(), needs);
  check_weight_type(options.model_dir, source, options.weight_type);
  return source;
}

std::set<fs::path> files_of(const ModelFiles& files) {
  const auto store = weights::WeightStore::open(
      {.model = files.model, .layout = files.layout, .mimi = files.mimi});
  std::set<fs::path> out = store.checkpoint().files();
  if (const auto& codec = store.codec_checkpoint()) {
    out.merge(codec->files());
  }
  for (const fs::path& path :
       {files.folder() / kConfigName, tokenizer_path(files)}) {
    if (is_there(path)) out.insert(path);
  }
  for (const AdapterFolder& adapter : files.adapters) {
    for (const fs::path& path : weights::LoraAdapter::files_of(adapter.path)) {
      out.insert(path);
    }
  }
  return out;
}

std::string digest_of(const ModelFiles& files,
                      const std::optional<fs::path>& kept) {
  const std::set<fs::path> all = files_of(files);
  const std::string digest =
      kept ? weights::kept_model_digest(all, kept) : weights::model_digest(all);
  if (files.adapters.empty()) return digest;
  // Their files are in it; their order and strengths are not.
  std::string text = digest;
  for (const AdapterFolder& adapter : files.adapters) {
    for (const fs::path& path : weights::LoraAdapter::files_of(adapter.path)) {
      text += str_cat(" ", weights::model_digest({path}));
    }
    text += str_cat(" ", Json(adapter.strength).dump());
  }
  return sha256_hex(std::as_bytes(std::span(text)));
}

WeightType stored_weight_type(const ModelSource& source) {
  return type_of(source.store.declared(), source.store.checkpoint(),
                 source.config);
}

WeightType stored_weight_type(const ModelFiles& files) {
  const auto checkpoint = weights::Checkpoint::open(files.model, files.layout);
  const Document model = model_document(checkpoint, files.folder());
  return type_of(
      weights::Quantization::parse(model.object()), checkpoint,
      model::ModelConfig::parse(model.object(), checkpoint.layout()));
}

kernels::WeightType kernel_type(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return kernels::WeightType::kFloat32;
    case WeightType::kBf16:
      return kernels::WeightType::kBfloat16;
    case WeightType::kInt8:
      return kernels::WeightType::kInt8;
    case WeightType::kInt4:
      return kernels::WeightType::kInt4;
  }
  return kernels::WeightType::kFloat32;
}

}  // namespace csm::engine
