#include "csm/weights/layout.h"

#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

struct LayoutName {
  Layout layout;
  const char* name;
};
constexpr LayoutName kLayoutNames[] = {{Layout::kHuggingFace, "huggingface"},
                                       {Layout::kOriginal, "original"},
                                       {Layout::kMlx, "mlx"},
                                       {Layout::kCsmTts, "csm-tts"},
                                       {Layout::kMimi, "mimi"},
                                       {Layout::kKyutai, "kyutai"},
                                       {Layout::kUnknown, "unknown"}};

}  // namespace

const char* to_string(Layout layout) {
  for (const LayoutName& row : kLayoutNames) {
    if (row.layout == layout) return row.name;
  }
  return "unknown";
}

std::optional<Layout> parse_layout(std::string_view name) {
  for (const LayoutName& row : kLayoutNames) {
    if (name == row.name && row.layout != Layout::kUnknown &&
        !is_codec_layout(row.layout)) {
      return row.layout;
    }
  }
  return std::nullopt;
}

std::string layout_names() {
  std::string out;
  for (const LayoutName& row : kLayoutNames) {
    if (!parse_layout(row.name)) continue;
    out += str_cat(out.empty() ? "" : ", ", row.name);
  }
  return out;
}

Layout detect_layout(const std::function<bool(std::string_view)>& has) {
  if (has("embed_text_tokens.weight") ||
      has("backbone_model.embed_tokens.embed_text_tokens.weight")) {
    return Layout::kHuggingFace;
  }
  for (const char* prefix : {"", "model."}) {
    if (!has(str_cat(prefix, "text_embeddings.weight"))) continue;
    return has(str_cat(prefix, "backbone.layers.0.self_attn.o_proj.weight"))
               ? Layout::kMlx
               : Layout::kOriginal;
  }
  if (has("backbone.text_embd.weight")) return Layout::kCsmTts;
  if (has("quantizer.semantic_residual_vector_quantizer.input_proj.weight")) {
    return Layout::kMimi;
  }
  if (has("quantizer.rvq_first.input_proj.weight")) return Layout::kKyutai;
  return Layout::kUnknown;
}

bool is_codec_layout(Layout layout) {
  return layout == Layout::kMimi || layout == Layout::kKyutai;
}

}  // namespace csm::weights
