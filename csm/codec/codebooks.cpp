#include "csm/codec/codebooks.h"

#include <span>
#include <utility>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/nn/load_array.h"

namespace csm::codec {
namespace {

/// Of a cluster's weight: the released ones are mostly below 1, so the floor
/// must be this small.
constexpr float kMinUsage = 1e-5F;

}  // namespace

mx::array load_codebook(const MimiConfig& config, const std::string& name,
                        weights::WeightStore& store) {
  const mx::Stream stream = nn::load_stream();
  if (!store.is_random() && store.has(name + ".embed")) {
    return store.take(name + ".embed",
                      {config.codebook_size, config.codebook_dim}, mx::float32);
  }
  const mx::array sum =
      store.take(name + ".embed_sum",
                 {config.codebook_size, config.codebook_dim}, mx::float32);
  const mx::array usage =
      store.take(name + ".cluster_usage", {config.codebook_size}, mx::float32);
  const mx::array divisor = mx::expand_dims(
      mx::maximum(usage, mx::array(kMinUsage), stream), 1, stream);
  return mx::divide(sum, divisor, stream);
}

std::string group_name(BookGroup group) {
  return str_cat("codec.quantizer.",
                 group == BookGroup::kSemantic ? "semantic" : "acoustic",
                 "_residual_vector_quantizer");
}

mx::array load_projection(BookGroup group, const char* side, int out, int in,
                          weights::WeightStore& store) {
  const mx::array stored =
      store.take(str_cat(group_name(group), ".", side, "_proj.weight"),
                 {out, in, 1}, mx::float32);
  return nn::load_array(mx::reshape(stored, {out, in}, nn::load_stream()));
}

Codebooks Codebooks::load(const MimiConfig& config,
                          weights::WeightStore& store) {
  std::vector<mx::array> parts;
  for (int book = 0; book < config.n_codebooks; ++book) {
    const bool semantic = book < config.n_semantic;
    const int layer = semantic ? book : book - config.n_semantic;
    parts.push_back(load_codebook(
        config,
        str_cat(
            group_name(semantic ? BookGroup::kSemantic : BookGroup::kAcoustic),
            ".layers.", layer, ".codebook"),
        store));
  }
  parts.push_back(
      mx::zeros({1, config.codebook_dim}, mx::float32, nn::load_stream()));
  return {
      nn::load_array(mx::concatenate(std::move(parts), 0, nn::load_stream()))};
}

std::string Codebooks::digest() const {
  return sha256_hex(
      std::as_bytes(std::span(table.data<float>(), table.size())));
}

}  // namespace csm::codec
