#include "csm/engine/convert_config.h"

#include <cmath>

#include "csm/engine/random_model.h"

namespace csm::engine {
namespace {

// A float as the shortest text that a config.json would have for it.
double shortest(float value) { return std::stod(Json(value).dump()); }

Json rope_scaling(const nn::RopeConfig& rope) {
  if (!rope.llama3) return nullptr;
  return {{"rope_type", "llama3"},
          {"factor", rope.llama3->factor},
          {"low_freq_factor", rope.llama3->low_freq_factor},
          {"high_freq_factor", rope.llama3->high_freq_factor},
          {"original_max_position_embeddings",
           static_cast<std::int64_t>(rope.llama3->original_max_positions)}};
}

void spell_stack(const nn::LlamaConfig& config, Json& out) {
  out["hidden_size"] = config.width;
  out["intermediate_size"] = config.hidden;
  out["num_hidden_layers"] = config.n_layers;
  out["num_attention_heads"] = config.n_heads;
  out["num_key_value_heads"] = config.n_kv_heads;
  out["head_dim"] = config.head_dim;
  out["max_position_embeddings"] = config.max_positions;
  out["rms_norm_eps"] = shortest(config.norm_eps);
  out["rope_theta"] = config.rope.theta;
  out["rope_scaling"] = rope_scaling(config.rope);
  out.erase("rope_parameters");
}

void spell_codec(const codec::MimiConfig& config, Json& out) {
  const codec::MimiTransformerConfig& transformer = config.transformer;
  const codec::SeanetConfig& seanet = config.seanet;
  out["model_type"] = "mimi";
  out["sampling_rate"] = config.sample_rate;
  out["num_quantizers"] = config.n_codebooks;
  out["num_semantic_quantizers"] = config.n_semantic;
  out["codebook_size"] = config.codebook_size;
  out["codebook_dim"] = config.codebook_dim;
  out["vector_quantization_hidden_dimension"] = config.codebook_dim;
  out["upsample_groups"] = config.upsample_groups;
  out["hidden_size"] = transformer.width;
  out["intermediate_size"] = transformer.hidden;
  out["num_hidden_layers"] = transformer.n_layers;
  out["num_attention_heads"] = transformer.n_heads;
  out["num_key_value_heads"] = transformer.n_kv_heads;
  out["head_dim"] = transformer.head_dim;
  out["sliding_window"] = transformer.window;
  out["norm_eps"] = shortest(transformer.norm_eps);
  out["rope_theta"] = transformer.rope.theta;
  out["num_filters"] = seanet.n_filters;
  out["upsampling_ratios"] = seanet.ratios;
  out["kernel_size"] = seanet.kernel;
  out["last_kernel_size"] = seanet.last_kernel;
  out["residual_kernel_size"] = seanet.residual_kernel;
  out["num_residual_layers"] = seanet.n_residual_layers;
  out["dilation_growth_rate"] = seanet.dilation_growth;
  out["compress"] = seanet.compress;
  out.erase("rope_parameters");
}

bool same_sizes(const nn::LlamaConfig& a, const nn::LlamaConfig& b) {
  return a.width == b.width && a.hidden == b.hidden &&
         a.n_layers == b.n_layers && a.n_heads == b.n_heads &&
         a.n_kv_heads == b.n_kv_heads && a.head_dim == b.head_dim;
}

// The original has names for csm-1b's sizes only.
void add_original_keys(const model::ModelConfig& model, Json& out) {
  const Json json = random_model_config("csm-1b");
  const auto csm_1b = model::ModelConfig::parse(JsonObject(json, "csm-1b"));
  if (same_sizes(model.backbone, csm_1b.backbone) &&
      same_sizes(model.depth, csm_1b.depth)) {
    out["backbone_flavor"] = "llama-1B";
    out["decoder_flavor"] = "llama-100M";
  } else {
    out.erase("backbone_flavor");
    out.erase("decoder_flavor");
  }
  out["audio_vocab_size"] = model.audio_vocab;
  out["audio_num_codebooks"] = model.n_codebooks;
}

Json object_or(const Json& json, const char* key, Json fallback) {
  const auto it = json.find(key);
  return it != json.end() && it->is_object() ? *it : std::move(fallback);
}

}  // namespace

Json converted_config(const ConfigDocuments& documents,
                      const model::ModelConfig& model,
                      const codec::MimiConfig& codec, bool tied_tables,
                      weights::Layout layout) {
  const Json usual = random_model_config("csm-1b");
  Json out = documents.model.contains("model_type") ? documents.model : usual;
  Json depth =
      object_or(out, "depth_decoder_config", usual["depth_decoder_config"]);
  Json mimi = documents.codec.empty() ? usual["codec_config"] : documents.codec;
  spell_stack(model.backbone, out);
  out["architectures"] = {"CsmForConditionalGeneration"};
  out["num_codebooks"] = model.n_codebooks;
  out["vocab_size"] = model.audio_vocab;
  out["text_vocab_size"] = model.text_vocab;
  out["tie_codebooks_embeddings"] = tied_tables;
  out["bos_token_id"] = model.bos_token;
  out["audio_token_id"] = model.audio_token;
  out["audio_eos_token_id"] = model.audio_eos_token;
  out["codebook_eos_token_id"] = model.codebook_eos;
  out["codebook_pad_token_id"] = model.codebook_pad;
  spell_stack(model.depth, depth);
  depth["num_codebooks"] = model.n_codebooks;
  depth["vocab_size"] = model.audio_vocab;
  depth["backbone_hidden_size"] = model.backbone.width;
  spell_codec(codec, mimi);
  out["depth_decoder_config"] = std::move(depth);
  out["codec_config"] = std::move(mimi);
  for (const char* key :
       {"quantization", "quantization_config", "torch_dtype", "dtype"}) {
    out.erase(key);
  }
  if (layout != weights::Layout::kHuggingFace) add_original_keys(model, out);
  return out;
}

}  // namespace csm::engine
