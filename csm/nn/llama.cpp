#include "csm/nn/llama.h"

#include <cstddef>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/str_cat.h"

namespace csm::nn {
namespace {

mx::array frequencies(const LlamaConfig& config) {
  const std::vector<float> values =
      rope_inverse_frequencies(config.head_dim, config.rope);
  return mx::array(values.data(), {config.head_dim / 2}, mx::float32);
}

}  // namespace

LlamaStack::LlamaStack(const LlamaConfig& config, std::vector<Layer> layers,
                       kernels::Norm norm)
    : config_(config),
      layers_(std::move(layers)),
      norm_(std::move(norm)),
      inv_freq_(frequencies(config)) {}

LlamaStack::Layer LlamaStack::load_layer(const LlamaConfig& config,
                                         const std::string& prefix,
                                         weights::WeightStore& store,
                                         const StackFormats& formats,
                                         const MatrixTarget& target) {
  const auto norm = [&](const char* name) {
    return kernels::Norm{
        .gain = store.take(prefix + name, {config.width}, mx::float32),
        .bias = std::nullopt,
        .eps = config.norm_eps};
  };
  const auto matrix = [&](const char* name, int out, int in,
                          const MatrixFormat& format) {
    return take_matrix(store, prefix + name, out, in, format, target);
  };
  const int q_width = config.n_heads * config.head_dim;
  const int kv_width = config.n_kv_heads * config.head_dim;
  return {.attn_norm = norm("attn_norm"),
          .q = matrix("q", q_width, config.width, formats.scores),
          .k = matrix("k", kv_width, config.width, formats.scores),
          .v = matrix("v", kv_width, config.width, formats.values),
          .o = matrix("o", config.width, q_width, formats.values),
          .ffn_norm = norm("ffn_norm"),
          .gate = matrix("gate", config.hidden, config.width, formats.mlp),
          .up = matrix("up", config.hidden, config.width, formats.mlp),
          .down = matrix("down", config.width, config.hidden, formats.mlp)};
}

LlamaStack LlamaStack::load(const LlamaConfig& config,
                            const std::string& prefix,
                            weights::WeightStore& store,
                            const StackFormats& formats,
                            const MatrixTarget& target) {
  std::vector<Layer> layers;
  for (int layer = 0; layer < config.n_layers; ++layer) {
    layers.push_back(load_layer(config, str_cat(prefix, ".", layer, "."), store,
                                formats, target));
  }
  kernels::Norm norm{
      .gain = store.take(prefix + ".norm", {config.width}, mx::float32),
      .bias = std::nullopt,
      .eps = config.norm_eps};
  return {config, std::move(layers), std::move(norm)};
}

KvCache LlamaStack::new_cache(int max_positions, int n_sequences) const {
  return KvCache({.n_layers = config_.n_layers,
                  .n_kv_heads = config_.n_kv_heads,
                  .head_dim = config_.head_dim,
                  .max_positions = max_positions,
                  .n_sequences = n_sequences});
}

mx::array LlamaStack::forward(const kernels::Exec& exec, mx::array x,
                              std::span<const CacheShare> shares) const {
  int n_rows = 0;
  for (const CacheShare& share : shares) {
    share.cache->reserve(exec, share.n_positions);
    n_rows += share.n_rows();
  }
  CSM_CHECK(n_rows == x.shape(0), "every row belongs to a cache");
  for (std::size_t idx = 0; idx < layers_.size(); ++idx) {
    const Layer& layer = layers_[idx];
    const std::vector<mx::array> qkv = kernels::norm_linear(
        exec, x, layer.attn_norm, {layer.q, layer.k, layer.v});
    const mx::array attended =
        attend_each(exec, shares, static_cast<int>(idx), qkv[0], qkv[1], qkv[2],
                    inv_freq_, config_.n_heads);
    x = kernels::linear_residual(exec, attended, layer.o, x, std::nullopt);
    x = kernels::gated_mlp(exec, x, layer.ffn_norm, layer.gate, layer.up,
                           layer.down);
  }
  for (const CacheShare& share : shares) {
    share.cache->advance(share.n_positions);
  }
  return x;
}

}  // namespace csm::nn
