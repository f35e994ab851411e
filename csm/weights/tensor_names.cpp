#include "csm/weights/tensor_names.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr std::size_t kMaxLayers = 1000;

// Names with {} for a layer number; the same number goes on the other side.
struct Row {
  std::string_view source;
  std::string_view canonical;
};

constexpr Row kHuggingFaceRows[] = {
    {"embed_text_tokens.weight", "text_emb"},
    {"backbone_model.embed_tokens.embed_audio_tokens.weight", "audio_emb"},
    {"depth_decoder.model.embed_tokens.weight", "dd.audio_emb"},
    {"backbone_model.norm.weight", "bb.norm"},
    {"depth_decoder.model.norm.weight", "dd.norm"},
    {"depth_decoder.model.inputs_embeds_projector.weight", "proj"},
    {"lm_head.weight", "c0_head"},
    {"depth_decoder.codebooks_head.weight", "audio_head"},
};

// The two transformers.
constexpr Row kHuggingFaceStacks[] = {
    {"backbone_model.layers.{}.", "bb.{}."},
    {"depth_decoder.model.layers.{}.", "dd.{}."},
};
constexpr Row kHuggingFaceLayerRows[] = {
    {"self_attn.q_proj.weight", "q"},
    {"self_attn.k_proj.weight", "k"},
    {"self_attn.v_proj.weight", "v"},
    {"self_attn.o_proj.weight", "o"},
    {"mlp.gate_proj.weight", "gate"},
    {"mlp.up_proj.weight", "up"},
    {"mlp.down_proj.weight", "down"},
    {"input_layernorm.weight", "attn_norm"},
    {"post_attention_layernorm.weight", "ffn_norm"},
};

// The codec keeps Hugging Face's names behind another prefix.
constexpr Row kHuggingFaceCodec = {"codec_model.", "codec."};
constexpr std::string_view kCodecForms[] = {
    "{encoder,decoder}.layers.{}.conv.{weight,bias}",
    "{encoder,decoder}.layers.{}.block.{}.conv.{weight,bias}",
    "{encoder,decoder}.layers.{}.shortcut.conv.{weight,bias}",
    "{encoder,decoder}_transformer.layers.{}.self_attn.{q,k,v,o}_proj.weight",
    "{encoder,decoder}_transformer.layers.{}.mlp.{fc1,fc2}.weight",
    "{encoder,decoder}_transformer.layers.{}.{input,post_attention}_layernorm."
    "{weight,bias}",
    "{encoder,decoder}_transformer.layers.{}.{self_attn,mlp}_layer_scale.scale",
    "{encoder,decoder}_transformer.layers.{}.self_attn.rotary_emb.inv_freq",
    "{downsample,upsample}.conv.weight",
    "quantizer.{semantic,acoustic}_residual_vector_quantizer."
    "{input,output}_proj.weight",
    "quantizer.{semantic,acoustic}_residual_vector_quantizer.layers.{}."
    "codebook.{embed_sum,cluster_usage,initialized}",
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number at the front without leading zeros, "" if there is none.
std::string_view leading_number(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < 3 && is_digit(text[n])) ++n;
  if (n > 1 && text[0] == '0') return {};
  return text.substr(0, n);
}

// Matches `name` against a form: literal text, {} for a number, {a,b} for one
// of several words. No word is the beginning of another one in its braces.
bool matches(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    if (form.front() != '{') {
      if (name.empty() || name.front() != form.front()) return false;
      form.remove_prefix(1);
      name.remove_prefix(1);
      continue;
    }
    const std::size_t close = form.find('}');
    std::string_view choices = form.substr(1, close - 1);
    form.remove_prefix(close + 1);
    std::string_view word = leading_number(name);
    if (!choices.empty()) {
      do {
        word = choices.substr(0, choices.find(','));
        choices.remove_prefix(std::min(word.size() + 1, choices.size()));
      } while (!name.starts_with(word) && !choices.empty());
      if (!name.starts_with(word)) return false;
    }
    if (word.empty()) return false;
    name.remove_prefix(word.size());
  }
  return name.empty();
}

// "a.{}.b" with the number put in.
std::string with_number(std::string_view form, std::string_view number) {
  const std::size_t hole = form.find("{}");
  return str_cat(form.substr(0, hole), number, form.substr(hole + 2));
}

// Splits "a.<number>.rest" along the form "a.{}."; rest is empty on mismatch.
struct LayerName {
  std::string_view number;
  std::string_view rest;
};
LayerName split_layer(std::string_view form, std::string_view name) {
  const std::string_view head = form.substr(0, form.find("{}"));
  const std::string_view tail = form.substr(head.size() + 2);
  if (!name.starts_with(head)) return {};
  name.remove_prefix(head.size());
  const std::string_view number = leading_number(name);
  name.remove_prefix(number.size());
  if (number.empty() || !name.starts_with(tail)) return {};
  return {number, name.substr(tail.size())};
}

using Column = std::string_view Row::*;

// Looks `name` up in one column of the tables and answers from the other.
std::optional<std::string> translate(std::string_view name, Column from,
                                     Column to) {
  for (const Row& row : kHuggingFaceRows) {
    if (name == row.*from) return std::string(row.*to);
  }
  for (const Row& stack : kHuggingFaceStacks) {
    const LayerName layer = split_layer(stack.*from, name);
    for (const Row& row : kHuggingFaceLayerRows) {
      if (layer.rest != row.*from) continue;
      return with_number(stack.*to, layer.number) + std::string(row.*to);
    }
  }
  const std::string_view prefix = kHuggingFaceCodec.*from;
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view rest = name.substr(prefix.size());
  for (const std::string_view form : kCodecForms) {
    if (matches(form, rest)) {
      return str_cat(kHuggingFaceCodec.*to, rest);
    }
  }
  return std::nullopt;
}

using Names = std::set<std::string, std::less<>>;

void require(const Names& names, const std::string& name,
             std::vector<std::string>& missing) {
  if (!names.contains(name)) missing.push_back(name);
}

// One above the highest layer number of names of the form "a.{}.".
std::size_t layer_count(const Names& names, std::string_view form) {
  std::size_t count = 0;
  for (const std::string& name : names) {
    const LayerName layer = split_layer(form, name);
    if (layer.rest.empty()) continue;
    count = std::max(count, std::stoul(std::string(layer.number)) + 1);
  }
  return std::min(count, kMaxLayers);
}

}  // namespace

const char* to_string(Layout layout) {
  switch (layout) {
    case Layout::kHuggingFace:
      return "Hugging Face";
    case Layout::kOriginal:
      return "original";
    case Layout::kUnknown:
      break;
  }
  return "unknown";
}

Layout layout_of(std::string_view source_name) {
  if (source_name == "embed_text_tokens.weight") return Layout::kHuggingFace;
  if (source_name == "text_embeddings.weight") return Layout::kOriginal;
  return Layout::kUnknown;
}

std::optional<std::string> canonical_name(Layout layout,
                                          std::string_view source_name) {
  if (layout != Layout::kHuggingFace) return std::nullopt;
  return translate(source_name, &Row::source, &Row::canonical);
}

std::optional<std::string> source_name(Layout layout,
                                       std::string_view canonical) {
  if (layout != Layout::kHuggingFace) return std::nullopt;
  return translate(canonical, &Row::canonical, &Row::source);
}

bool is_ignorable(std::string_view canonical) {
  return canonical.ends_with(".codebook.initialized") ||
         canonical.ends_with(".inv_freq");
}

std::vector<std::string> missing_names(std::span<const std::string> canonical) {
  const Names names(canonical.begin(), canonical.end());
  std::vector<std::string> missing;
  for (const Row& row : kHuggingFaceRows) {
    const std::string_view other =
        row.canonical == "audio_emb" ? "dd.audio_emb" : "audio_emb";
    const bool is_table =
        row.canonical == "audio_emb" || row.canonical == "dd.audio_emb";
    if (is_table && names.contains(other)) continue;
    require(names, std::string(row.canonical), missing);
  }
  for (const Row& stack : kHuggingFaceStacks) {
    const std::size_t n =
        std::max<std::size_t>(layer_count(names, stack.canonical), 1);
    for (std::size_t i = 0; i < n; ++i) {
      for (const Row& row : kHuggingFaceLayerRows) {
        require(names,
                with_number(stack.canonical, std::to_string(i)) +
                    std::string(row.canonical),
                missing);
      }
    }
  }
  for (const std::string_view kind : {"semantic", "acoustic"}) {
    const std::string form = str_cat("codec.quantizer.", kind,
                                     "_residual_vector_quantizer.layers.{}.");
    const std::size_t n = layer_count(names, form);
    for (std::size_t i = 0; i < n; ++i) {
      for (const char* part :
           {"codebook.embed_sum", "codebook.cluster_usage"}) {
        require(names, with_number(form, std::to_string(i)) + part, missing);
      }
    }
  }
  return missing;
}

}  // namespace csm::weights
