#include "csm/engine/converted_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/codec/codebooks.h"
#include "csm/nn/load_array.h"
#include "csm/nn/load_matrix.h"
#include "csm/weights/ggml_quantize.h"
#include "csm/weights/read_tensor.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

using weights::Dtype;
using weights::Layout;

// Ends of canonical names of what is stored of a codebook.
constexpr std::string_view kBook = ".codebook";
constexpr std::string_view kDivided = ".codebook.embed";
constexpr std::string_view kSum = ".codebook.embed_sum";

bool is_of_codebook(const std::string& canonical) {
  return canonical.find(".codebook.") != std::string::npos;
}

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[engine.convert_model] ", what, " (", where, ")"));
}

// Shapes of the tensors of one transformer's layer, by the end of their names.
std::vector<std::pair<std::string, std::vector<int>>> layer_shapes(
    const nn::LlamaConfig& c) {
  const int q = c.n_heads * c.head_dim;
  const int kv = c.n_kv_heads * c.head_dim;
  return {{"q", {q, c.width}},           {"k", {kv, c.width}},
          {"v", {kv, c.width}},          {"o", {c.width, q}},
          {"gate", {c.hidden, c.width}}, {"up", {c.hidden, c.width}},
          {"down", {c.width, c.hidden}}, {"attn_norm", {c.width}},
          {"ffn_norm", {c.width}}};
}

// "decoder.layers.2.conv." and so on are transposed convolutions, which
// kyutai names otherwise than others; its names are those of this shape.
bool has_kyutai_shape(const codec::MimiConfig& config) {
  constexpr std::size_t kStages = 4;
  return config.seanet.ratios.size() == kStages &&
         config.seanet.n_residual_layers == 1 && config.n_semantic == 1 &&
         config.transformer.n_heads == config.transformer.n_kv_heads;
}

std::string without(std::string text, std::string_view ending) {
  text.resize(text.size() - ending.size());
  return text;
}

[[noreturn]] void overflow(Dtype dtype, std::size_t index,
                           const std::string& name) {
  fail(ErrorCode::kUnsupported,
       str_cat("expected values that ", to_string(dtype),
               " can hold, got an overflow at element ", index),
       "tensor " + name);
}

// Matrices that integers leave at 8 bits, or that are looked up: see
// model::WeightPolicy.
bool is_sensitive(const std::string& canonical) {
  return canonical.ends_with(".v") || canonical.ends_with(".o") ||
         canonical.ends_with("_emb") || canonical == "proj" ||
         canonical == "c0_head";
}

// Of a tensor of the language model in a GGUF file.
Dtype block_or_half(const std::string& canonical, const std::vector<int>& shape,
                    Dtype wanted) {
  const Dtype dtype = is_sensitive(canonical) ? Dtype::kQ8_0 : wanted;
  const auto values = static_cast<int>(weights::block_values(dtype));
  const bool fits = shape.size() == 2 && shape.back() % values == 0;
  return fits ? dtype : Dtype::kF16;
}

// Float32 values in one of the three types.
mx::array narrowed(const mx::array& values, Dtype dtype,
                   const std::string& name) {
  if (dtype == Dtype::kF32) return values;
  const bool half = dtype == Dtype::kF16;
  mx::array out = mx::contiguous(
      mx::astype(values, half ? mx::float16 : mx::bfloat16, nn::load_stream()),
      false, nn::load_stream());
  out.eval();
  const std::uint16_t infinite = half ? 0x7C00U : 0x7F80U;
  const char* data = out.data<char>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, data + 2 * i, sizeof(bits));
    if ((bits & infinite) == infinite) overflow(dtype, i, name);
  }
  return out;
}

std::span<const std::byte> bytes_of(const mx::array& x) {
  return std::as_bytes(std::span(x.data<char>(), x.nbytes()));
}

// Float32 values as blocks.
std::vector<std::byte> quantized(const mx::array& values, Dtype dtype,
                                 const std::string& name) {
  std::vector<std::byte> out(values.size() / weights::block_values(dtype) *
                             weights::block_bytes(dtype));
  const auto bad = weights::quantize_blocks(
      dtype, std::span(values.data<float>(), values.size()), out.data());
  if (bad) overflow(dtype, *bad, name);
  return out;
}

// Rows of heads as pairs 2j, 2j + 1 instead of halves.
mx::array interleaved(const mx::array& rows, int head_dim) {
  const std::vector<int> shape(rows.shape().begin(), rows.shape().end());
  mx::array out = weights::aligned_array(shape, rows.dtype());
  const std::size_t n = static_cast<std::size_t>(shape.front());
  const std::size_t row_bytes = rows.nbytes() / n;
  const weights::RowOrder order{.first = 0,
                                .head_dim = static_cast<std::size_t>(head_dim)};
  for (std::size_t row = 0; row < n; ++row) {
    std::memcpy(out.data<char>() + order.source(row) * row_bytes,
                rows.data<char>() + row * row_bytes, row_bytes);
  }
  return out;
}

}  // namespace

ConvertedFile::ConvertedFile(ModelSource& source, Layout layout,
                             std::optional<Dtype> dtype)
    : source_(source), layout_(layout), dtype_(dtype) {
  if (layout != Layout::kKyutai) plan_lm();
  if (layout == Layout::kHuggingFace || layout == Layout::kCsmTts ||
      layout == Layout::kKyutai) {
    plan_codec();
  }
  if (layout == Layout::kCsmTts) return;  // aligns every tensor
  std::stable_sort(
      outputs_.begin(), outputs_.end(), [](const Output& a, const Output& b) {
        return weights::size_of(a.plan.dtype) > weights::size_of(b.plan.dtype);
      });
}

std::vector<weights::TensorPlan> ConvertedFile::plans() const {
  std::vector<weights::TensorPlan> out;
  for (const Output& output : outputs_) out.push_back(output.plan);
  return out;
}

std::size_t ConvertedFile::bytes() const {
  std::size_t sum = 0;
  for (const Output& output : outputs_) sum += output.plan.bytes();
  return sum;
}

Dtype ConvertedFile::dtype_of(const std::string& canonical,
                              const std::vector<int>& shape) const {
  if (canonical.ends_with(kBook)) return Dtype::kF32;
  if (layout_ == Layout::kCsmTts && shape.size() < 2) return Dtype::kF32;
  if (dtype_ && !weights::is_codec(canonical)) {
    return weights::is_block(*dtype_) ? block_or_half(canonical, shape, *dtype_)
                                      : *dtype_;
  }
  const auto stored = source_.store.stored_dtype(canonical);
  return stored && weights::is_convertible(*stored) ? *stored : Dtype::kF32;
}

void ConvertedFile::add(const std::string& canonical, std::vector<int> shape) {
  add_as(canonical, canonical, std::move(shape));
}

void ConvertedFile::add_as(const std::string& as, const std::string& canonical,
                           std::vector<int> shape) {
  const auto name = weights::source_name(layout_, as);
  if (!name) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a tensor that ", to_string(layout_),
                 " layout has a name for, got another"),
         canonical);
  }
  Piece piece{.canonical = canonical, .shape = std::move(shape)};
  for (const weights::TensorRole& role : weights::roles_of(layout_, *name)) {
    if (role.canonical != as) continue;
    piece.part = role.part;
    if (!role.interleaved) continue;
    piece.head_dim =
        weights::is_codec(canonical)   ? source_.codec.transformer.head_dim
        : canonical.starts_with("bb.") ? source_.config.backbone.head_dim
                                       : source_.config.depth.head_dim;
  }
  const auto same = std::find_if(
      outputs_.begin(), outputs_.end(),
      [&](const Output& output) { return output.plan.name == *name; });
  if (same != outputs_.end()) {
    same->plan.shape.front() += piece.shape.front();
    const auto behind = std::find_if(
        same->pieces.begin(), same->pieces.end(),
        [&](const Piece& other) { return other.part > piece.part; });
    same->pieces.insert(behind, std::move(piece));
    return;
  }
  outputs_.push_back({.plan = {*name,
                               dtype_of(canonical, piece.shape),
                               {piece.shape.begin(), piece.shape.end()}},
                      .pieces = {std::move(piece)}});
}

void ConvertedFile::add_ones(const std::string& canonical,
                             std::vector<int> shape, Dtype dtype) {
  outputs_.push_back(
      {.plan = {weights::source_name(layout_, canonical).value(),
                dtype,
                {shape.begin(), shape.end()}},
       .pieces = {{.canonical = "", .shape = std::move(shape)}}});
}

// Of equal audio tables transformers keeps the depth decoder's; the others
// have one name, that of the frames'.
void ConvertedFile::plan_table() {
  const model::ModelConfig& config = source_.config;
  const std::vector<int> shape = {config.n_codebooks * config.audio_vocab,
                                  config.backbone.width};
  const bool tied = source_.store.audio_tables_tied();
  const bool hf = layout_ == Layout::kHuggingFace;
  const bool may_differ = hf || layout_ == Layout::kCsmTts;
  if (!tied && !may_differ) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected one audio table, as ", to_string(layout_),
                 " layout has it, got two that differ"),
         source_.store.path().string());
  }
  if (!tied || !hf) add("audio_emb", shape);
  if (!tied || hf) add("dd.audio_emb", shape);
}

void ConvertedFile::plan_lm() {
  const model::ModelConfig& config = source_.config;
  const int width = config.backbone.width;
  add("text_emb", {config.text_vocab, width});
  plan_table();
  for (const auto& [stack, sizes] :
       {std::pair{"bb.", config.backbone}, std::pair{"dd.", config.depth}}) {
    for (int layer = 0; layer < sizes.n_layers; ++layer) {
      for (const auto& [name, shape] : layer_shapes(sizes)) {
        add(str_cat(stack, layer, ".", name), shape);
      }
    }
    add(str_cat(stack, "norm"), {sizes.width});
  }
  add("proj", {config.depth.width, width});
  add("c0_head", {config.audio_vocab, width});
  add("audio_head",
      {config.n_codebooks - 1, config.depth.width, config.audio_vocab});
}

std::vector<int> ConvertedFile::codec_shape(
    const std::string& canonical) const {
  const codec::MimiTransformerConfig& t = source_.codec.transformer;
  if (canonical.ends_with(".self_attn.q_proj.weight")) {
    return {t.n_heads * t.head_dim, t.width};
  }
  if (canonical.ends_with(".self_attn.k_proj.weight") ||
      canonical.ends_with(".self_attn.v_proj.weight")) {
    return {t.n_kv_heads * t.head_dim, t.width};
  }
  const auto stored = source_.store.shape(canonical);
  std::vector<int> shape(stored.begin(), stored.end());
  const bool is_conv = canonical.ends_with(".conv.weight") ||
                       (canonical.starts_with("codec.quantizer.") &&
                        canonical.ends_with("_proj.weight"));
  // GGUF leaves out outer extents of 1.
  while (is_conv && shape.size() < 3) shape.insert(shape.begin(), 1);
  return shape;
}

// GGUF has the entries only, which any of the ways to store them makes.
void ConvertedFile::add_codebook(const std::string& stored) {
  if (!stored.ends_with(kDivided) && !stored.ends_with(kSum)) return;
  const std::string book = stored.substr(0, stored.rfind('.'));
  add_as(book + ".embed", book,
         {source_.codec.codebook_size, source_.codec.codebook_dim});
}

void ConvertedFile::plan_codec() {
  if (layout_ == Layout::kKyutai && !has_kyutai_shape(source_.codec)) {
    fail(ErrorCode::kUnsupported,
         "expected a codec of the shape of kyutai's Mimi, got another",
         source_.store.path().string());
  }
  for (const std::string& name : source_.store.names()) {
    if (!weights::is_codec(name)) continue;
    if (layout_ == Layout::kCsmTts && is_of_codebook(name)) {
      add_codebook(name);
      continue;
    }
    const std::vector<int> shape = codec_shape(name);
    if (name.ends_with(kDivided)) {
      add_as(name + "_sum", name, shape);
      add_ones(without(name, kDivided) + ".codebook.cluster_usage",
               {shape.front()}, Dtype::kF32);
    } else {
      add(name, shape);
    }
    if (name.ends_with(kDivided) || name.ends_with(kSum)) {
      add_ones(name.substr(0, name.rfind('.')) + ".initialized", {1},
               Dtype::kF32);
    }
  }
}

void ConvertedFile::write_piece(const Piece& piece, Dtype dtype,
                                weights::TensorWriter& writer) {
  const auto put = [&](const mx::array& values) {
    if (weights::is_block(dtype)) {
      writer.write(quantized(values, dtype, piece.canonical));
    } else {
      writer.write(bytes_of(narrowed(values, dtype, piece.canonical)));
    }
  };
  if (piece.canonical.empty()) {
    mx::array ones = weights::aligned_array(piece.shape, mx::float32);
    std::fill_n(ones.data<float>(), ones.size(), 1.0F);
    put(ones);
  } else if (piece.canonical.ends_with(kBook)) {
    put(nn::load_array(
        codec::load_codebook(source_.codec, piece.canonical, source_.store)));
  } else if (piece.canonical == "audio_head") {
    const auto heads = nn::take_stack(
        source_.store, piece.canonical,
        {.n = piece.shape[0], .out = piece.shape[2], .in = piece.shape[1]},
        {.type = kernels::WeightType::kFloat32}, {.tiled = false});
    for (const kernels::Matrix& head : heads) {
      put(nn::load_array(mx::transpose(head.data, {1, 0}, nn::load_stream())));
    }
  } else {
    const mx::array values =
        source_.store.take(piece.canonical, piece.shape, mx::float32);
    put(piece.head_dim == 0 ? values : interleaved(values, piece.head_dim));
  }
}

void ConvertedFile::write(weights::TensorWriter& writer,
                          const std::function<void(std::size_t)>& written) {
  for (const Output& output : outputs_) {
    for (const Piece& piece : output.pieces) {
      write_piece(piece, output.plan.dtype, writer);
    }
    written(output.plan.bytes());
  }
  writer.finish();
}

}  // namespace csm::engine
