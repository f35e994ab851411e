#include "csm/nn/llama.h"

#include <cstddef>
#include <utility>

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
  const auto attention = [&](const char* name, int out, int in) {
    return take_matrix(store, prefix + name, out, in, formats.attention,
                       target);
  };
  const auto mlp = [&](const char* name, int out, int in) {
    return take_matrix(store, prefix + name, out, in, formats.mlp, target);
  };
  const int q_width = config.n_heads * config.head_dim;
  const int kv_width = config.n_kv_heads * config.head_dim;
  return {.attn_norm = norm("attn_norm"),
          .q = attention("q", q_width, config.width),
          .k = attention("k", kv_width, config.width),
          .v = attention("v", kv_width, config.width),
          .o = attention("o", config.width, q_width),
          .ffn_norm = norm("ffn_norm"),
          .gate = mlp("gate", config.hidden, config.width),
          .up = mlp("up", config.hidden, config.width),
          .down = mlp("down", config.width, config.hidden)};
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

KvCache LlamaStack::new_cache(int max_positions) const {
  return KvCache({.n_layers = config_.n_layers,
                  .n_kv_heads = config_.n_kv_heads,
                  .head_dim = config_.head_dim,
                  .max_positions = max_positions});
}

mx::array LlamaStack::forward(const kernels::Exec& exec, mx::array x,
                              KvCache& cache) const {
  const int n_rows = x.shape(0);
  cache.reserve(exec, n_rows);
  for (std::size_t idx = 0; idx < layers_.size(); ++idx) {
    const Layer& layer = layers_[idx];
    const std::vector<mx::array> qkv = kernels::norm_linear(
        exec, x, layer.attn_norm, {layer.q, layer.k, layer.v});
    const mx::array attended =
        cache.attend(exec, static_cast<int>(idx), qkv[0], qkv[1], qkv[2],
                     inv_freq_, config_.n_heads);
    x = kernels::linear_residual(exec, attended, layer.o, x, std::nullopt);
    x = kernels::gated_mlp(exec, x, layer.ffn_norm, layer.gate, layer.up,
                           layer.down);
  }
  cache.advance(n_rows);
  return x;
}

}  // namespace csm::nn
