#include "csm/weights/name_tables.h"

#include <algorithm>
#include <array>

namespace csm::weights {
namespace {

// spec/weights.md 1.
constexpr NameRow kHuggingFaceRows[] = {
    {"embed_text_tokens.weight", "text_emb"},
    {"backbone_model.embed_tokens.embed_audio_tokens.weight", "audio_emb"},
    {"depth_decoder.model.embed_tokens.weight", "dd.audio_emb"},
    {"{backbone_model,depth_decoder.model}.norm.weight", "{bb,dd}.norm"},
    {"depth_decoder.model.inputs_embeds_projector.weight", "proj"},
    {"lm_head.weight", "c0_head"},
    {"depth_decoder.codebooks_head.weight", "audio_head"},
    {"{backbone_model,depth_decoder.model}.layers.{}.self_attn.{q,k,v,o}_proj."
     "weight",
     "{bb,dd}.{}.{q,k,v,o}"},
    {"{backbone_model,depth_decoder.model}.layers.{}.mlp.{gate,up,down}_proj."
     "weight",
     "{bb,dd}.{}.{gate,up,down}"},
    {"{backbone_model,depth_decoder.model}.layers.{}.{input,post_attention}_"
     "layernorm.weight",
     "{bb,dd}.{}.{attn,ffn}_norm"},
    // Before transformers released the model.
    {"backbone_model.embed_tokens.embed_text_tokens.weight", "text_emb"},
    {"depth_decoder.model.embed_tokens.embed_audio_tokens.weight",
     "dd.audio_emb"},
};

constexpr NameRow kOriginalRows[] = {
    {"text_embeddings.weight", "text_emb"},
    {"audio_embeddings.weight", "audio_emb"},
    {"projection.weight", "proj"},
    {"codebook0_head.weight", "c0_head"},
    {"audio_head", "audio_head"},
    {"{backbone,decoder}.norm.scale", "{bb,dd}.norm"},
    {"{backbone,decoder}.layers.{}.attn.{q,k}_proj.weight", "{bb,dd}.{}.{q,k}",
     true},
    {"{backbone,decoder}.layers.{}.attn.{v_proj,output_proj}.weight",
     "{bb,dd}.{}.{v,o}"},
    {"{backbone,decoder}.layers.{}.mlp.{w1,w3,w2}.weight",
     "{bb,dd}.{}.{gate,up,down}"},
    {"{backbone,decoder}.layers.{}.{sa_norm,mlp_norm}.scale",
     "{bb,dd}.{}.{attn_norm,ffn_norm}"},
};

// spec/weights.md 5. What differs from the original's.
constexpr NameRow kMlxRows[] = {
    {"{backbone,decoder}.norm.weight", "{bb,dd}.norm"},
    {"{backbone,decoder}.layers.{}.self_attn.{q,k}_proj.weight",
     "{bb,dd}.{}.{q,k}", true},
    {"{backbone,decoder}.layers.{}.self_attn.{v,o}_proj.weight",
     "{bb,dd}.{}.{v,o}"},
    {"{backbone,decoder}.layers.{}.mlp.{gate,up,down}_proj.weight",
     "{bb,dd}.{}.{gate,up,down}"},
    {"{backbone,decoder}.layers.{}.{input,post_attention}_layernorm.weight",
     "{bb,dd}.{}.{attn,ffn}_norm"},
};

// spec/weights.md 4a.
constexpr NameRow kCsmTtsRows[] = {
    {"backbone.text_embd.weight", "text_emb"},
    {"backbone.audio_embd.weight", "audio_emb"},
    {"depth.token_embd.weight", "dd.audio_emb"},
    {"depth.projection.weight", "proj"},
    {"backbone.codebook0_head.weight", "c0_head"},
    {"depth.codebooks_head.weight", "audio_head"},
    {"{backbone,depth}.output_norm.weight", "{bb,dd}.norm"},
    {"{backbone,depth}.blk.{}.attn_{q,k,v,output}.weight",
     "{bb,dd}.{}.{q,k,v,o}"},
    {"{backbone,depth}.blk.{}.ffn_{gate,up,down}.weight",
     "{bb,dd}.{}.{gate,up,down}"},
    {"{backbone,depth}.blk.{}.{attn,ffn}_norm.weight",
     "{bb,dd}.{}.{attn,ffn}_norm"},
};

constexpr NameRow kCsmTtsMimiRows[] = {
    {"{encoder,decoder}.model.{}.conv2.{weight,bias}",
     "{encoder,decoder}.layers.{}.conv.{weight,bias}"},
    {"{encoder,decoder}.model.{}.blk{}.{weight,bias}",
     "{encoder,decoder}.layers.{}.block.{}.conv.{weight,bias}"},
    {"{enc,dec}_tfm.layers.{}.{norm1,norm2}.{weight,bias}",
     "{encoder,decoder}_transformer.layers.{}.{input,post_attention}_layernorm."
     "{weight,bias}"},
    {"{enc,dec}_tfm.layers.{}.attn.qkv_w",
     "{encoder,decoder}_transformer.layers.{}.self_attn.q_proj.weight", false,
     0, 3},
    {"{enc,dec}_tfm.layers.{}.attn.qkv_w",
     "{encoder,decoder}_transformer.layers.{}.self_attn.k_proj.weight", false,
     1, 3},
    {"{enc,dec}_tfm.layers.{}.attn.qkv_w",
     "{encoder,decoder}_transformer.layers.{}.self_attn.v_proj.weight", false,
     2, 3},
    {"{enc,dec}_tfm.layers.{}.attn.out_w",
     "{encoder,decoder}_transformer.layers.{}.self_attn.o_proj.weight"},
    {"{enc,dec}_tfm.layers.{}.{ls1,ls2}",
     "{encoder,decoder}_transformer.layers.{}.{self_attn,mlp}_layer_scale."
     "scale"},
    {"{enc,dec}_tfm.layers.{}.{ffn_up_w,ffn_down_w}",
     "{encoder,decoder}_transformer.layers.{}.mlp.{fc1,fc2}.weight"},
    {"{downsample,upsample}.conv3.weight", "{downsample,upsample}.conv.weight"},
    {"quantizer.rvq_{first,rest}.{input,output}_proj.weight",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.{input,output}_"
     "proj.weight"},
    {"quantizer.rvq_{first,rest}.vq.layers.{}._codebook.embedding",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.layers.{}."
     "codebook.embed"},
};

// Mimi as transformers names it: these are the canonical names.
constexpr std::string_view kMimiForms[] = {
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

constexpr auto kMimiRows = [] {
  std::array<NameRow, std::size(kMimiForms)> rows{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = {kMimiForms[i], kMimiForms[i]};
  }
  return rows;
}();

constexpr std::string_view kStacked =
    "{encoder,decoder}_transformer.transformer.layers.{}.self_attn."
    "[in_proj_weight|in_proj.weight|in_projs.0.weight]";

// spec/mimi-codec.md 7. A kernel of stride 1 is a conv, another in the decoder
// a convtr; which is which decides the first table of sizes alone, so that
// reading takes either.
constexpr NameRow kKyutaiRows[] = {
    {"decoder.model.{2,5,8,11}.convtr.convtr.{weight,bias}",
     "decoder.layers.{2,5,8,11}.conv.{weight,bias}"},
    {"{encoder,decoder}.model.{}.[conv.conv|convtr.convtr].{weight,bias}",
     "{encoder,decoder}.layers.{}.conv.{weight,bias}"},
    {"{encoder,decoder}.model.{}.block.{}.conv.conv.{weight,bias}",
     "{encoder,decoder}.layers.{}.block.{}.conv.{weight,bias}"},
    {"{downsample.conv.conv.conv,upsample.convtr.convtr.convtr}.weight",
     "{downsample,upsample}.conv.weight"},
    {kStacked,
     "{encoder,decoder}_transformer.layers.{}.self_attn.q_proj.weight", true, 0,
     3},
    {kStacked,
     "{encoder,decoder}_transformer.layers.{}.self_attn.k_proj.weight", true, 1,
     3},
    {kStacked,
     "{encoder,decoder}_transformer.layers.{}.self_attn.v_proj.weight", false,
     2, 3},
    {"{encoder,decoder}_transformer.transformer.layers.{}.self_attn."
     "[out_proj.weight|out_projs.0.weight]",
     "{encoder,decoder}_transformer.layers.{}.self_attn.o_proj.weight"},
    {"{encoder,decoder}_transformer.transformer.layers.{}.{norm1,norm2}."
     "{weight,bias}",
     "{encoder,decoder}_transformer.layers.{}.{input,post_attention}_layernorm."
     "{weight,bias}"},
    {"{encoder,decoder}_transformer.transformer.layers.{}.[|gating.]{linear1,"
     "linear2}.weight",
     "{encoder,decoder}_transformer.layers.{}.mlp.{fc1,fc2}.weight"},
    {"{encoder,decoder}_transformer.transformer.layers.{}.layer_scale_{1,2}."
     "scale",
     "{encoder,decoder}_transformer.layers.{}.{self_attn,mlp}_layer_scale."
     "scale"},
    {"quantizer.rvq_{first,rest}.{input,output}_proj.weight",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.{input,output}_"
     "proj.weight"},
    {"quantizer.rvq_{first,rest}.vq.layers.{}._codebook.{embedding_sum,"
     "cluster_usage,_initialized}",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.layers.{}."
     "codebook.{embed_sum,cluster_usage,initialized}"},
    // Of older files.
    {"quantizer.rvq_{first,rest}.vq.layers.{}._codebook.[embed_sum|embed_avg]",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.layers.{}."
     "codebook.embed_sum"},
    {"quantizer.rvq_{first,rest}.vq.layers.{}._codebook.{cluster_size,inited}",
     "quantizer.{semantic,acoustic}_residual_vector_quantizer.layers.{}."
     "codebook.{cluster_usage,initialized}"},
};

constexpr NameTable kHuggingFace[] = {{kHuggingFaceRows, "", ""},
                                      {kMimiRows, "codec_model.", "codec."}};
constexpr NameTable kOriginal[] = {{kOriginalRows, "", ""}};
constexpr NameTable kMlx[] = {{kMlxRows, "", ""}, {kOriginalRows, "", ""}};
constexpr NameTable kCsmTts[] = {{kCsmTtsRows, "", ""},
                                 {kCsmTtsMimiRows, "mimi.", "codec."}};
constexpr NameTable kMimi[] = {{kMimiRows, "", "codec."}};
constexpr NameTable kKyutai[] = {{kKyutaiRows, "", "codec."}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number at the front without leading zeros, "" if there is none.
std::string_view leading_number(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && n < 3 && is_digit(text[n])) ++n;
  if (n > 1 && text[0] == '0') return {};
  return text.substr(0, n);
}

// What is at the front of a form.
struct Token {
  char kind = 0;           // 'a' text, '{' number or choice, '[' spelling
  std::string_view inner;  // of the brackets, or the character itself
};

Token take_token(std::string_view& form) {
  Token out;
  const char first = form.front();
  if (first == '{' || first == '[') {
    const std::size_t close = form.find(first == '{' ? '}' : ']');
    out = {first, form.substr(1, close - 1)};
    form.remove_prefix(close + 1);
  } else {
    out = {'a', form.substr(0, 1)};
    form.remove_prefix(1);
  }
  return out;
}

// The index-th of some words.
std::string_view word_at(std::string_view words, char between,
                         std::size_t index) {
  for (; index > 0; --index) words.remove_prefix(words.find(between) + 1);
  return words.substr(0, words.find(between));
}

// The word that `name` begins with; of several the longest.
std::optional<std::size_t> find_word(std::string_view words, char between,
                                     std::string_view name) {
  std::optional<std::size_t> best;
  const auto n = static_cast<std::size_t>(
      std::count(words.begin(), words.end(), between) + 1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::string_view word = word_at(words, between, i);
    if (!name.starts_with(word)) continue;
    if (!best || word.size() > word_at(words, between, *best).size()) best = i;
  }
  return best;
}

// What stood in a hole.
struct Capture {
  std::string_view number;
  std::size_t choice = 0;
};

// The length of what a token matches at the front of `name`.
std::optional<std::size_t> match(const Token& token, std::string_view name,
                                 std::vector<Capture>& captures) {
  if (token.kind == 'a') {
    if (!name.starts_with(token.inner)) return std::nullopt;
    return token.inner.size();
  }
  if (token.inner.empty()) {
    const std::string_view number = leading_number(name);
    if (number.empty()) return std::nullopt;
    captures.push_back({number});
    return number.size();
  }
  const char between = token.kind == '{' ? ',' : '|';
  const auto found = find_word(token.inner, between, name);
  if (!found) return std::nullopt;
  if (token.kind == '{') captures.push_back({{}, *found});
  return word_at(token.inner, between, *found).size();
}

}  // namespace

std::span<const NameTable> name_tables(Layout layout) {
  switch (layout) {
    case Layout::kHuggingFace:
      return kHuggingFace;
    case Layout::kOriginal:
      return kOriginal;
    case Layout::kMlx:
      return kMlx;
    case Layout::kCsmTts:
      return kCsmTts;
    case Layout::kMimi:
      return kMimi;
    case Layout::kKyutai:
      return kKyutai;
    case Layout::kUnknown:
      break;
  }
  return {};
}

std::optional<std::string> translate(std::string_view name,
                                     std::string_view from,
                                     std::string_view to) {
  std::vector<Capture> captures;
  while (!from.empty()) {
    const auto length = match(take_token(from), name, captures);
    if (!length) return std::nullopt;
    name.remove_prefix(*length);
  }
  if (!name.empty()) return std::nullopt;
  std::string out;
  std::size_t next = 0;
  while (!to.empty()) {
    const Token token = take_token(to);
    if (token.kind == 'a') {
      out += token.inner;
    } else if (token.kind == '[') {
      out += word_at(token.inner, '|', 0);
    } else {
      const Capture& capture = captures[next++];
      out += token.inner.empty() ? capture.number
                                 : word_at(token.inner, ',', capture.choice);
    }
  }
  return out;
}

std::optional<int> number_behind(std::string_view name,
                                 std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  const std::string_view number = leading_number(name);
  if (number.empty() || !name.substr(number.size()).starts_with('.')) {
    return std::nullopt;
  }
  return std::stoi(std::string(number));
}

}  // namespace csm::weights
