#include "csm/codec/mimi_transformer.h"

#include <cstddef>
#include <utility>

#include "csm/base/str_cat.h"

namespace csm::codec {
namespace {

mx::array frequencies(const MimiTransformerConfig& config) {
  const std::vector<float> values =
      nn::rope_inverse_frequencies(config.head_dim, config.rope);
  return mx::array(values.data(), {config.head_dim / 2}, mx::float32);
}

}  // namespace

MimiTransformer::MimiTransformer(const MimiTransformerConfig& config,
                                 std::vector<Layer> layers)
    : config_(config),
      layers_(std::move(layers)),
      inv_freq_(frequencies(config)) {}

MimiTransformer::Layer MimiTransformer::load_layer(
    const MimiTransformerConfig& config, const std::string& prefix,
    weights::WeightStore& store, mx::Dtype dtype) {
  const auto vector = [&](const std::string& name) {
    return store.take(prefix + name, {config.width}, mx::float32);
  };
  const auto norm = [&](const std::string& name) {
    return kernels::Norm{.gain = vector(name + ".weight"),
                         .bias = vector(name + ".bias"),
                         .eps = config.norm_eps};
  };
  const auto matrix = [&](const std::string& name, int out, int in) {
    return kernels::Matrix{
        store.take(prefix + name + ".weight", {out, in}, dtype)};
  };
  const int q_width = config.n_heads * config.head_dim;
  const int kv_width = config.n_kv_heads * config.head_dim;
  return {.attn_norm = norm("input_layernorm"),
          .q = matrix("self_attn.q_proj", q_width, config.width),
          .k = matrix("self_attn.k_proj", kv_width, config.width),
          .v = matrix("self_attn.v_proj", kv_width, config.width),
          .o = matrix("self_attn.o_proj", config.width, q_width),
          .attn_scale = vector("self_attn_layer_scale.scale"),
          .mlp_norm = norm("post_attention_layernorm"),
          .fc1 = matrix("mlp.fc1", config.hidden, config.width),
          .fc2 = matrix("mlp.fc2", config.width, config.hidden),
          .mlp_scale = vector("mlp_layer_scale.scale")};
}

MimiTransformer MimiTransformer::load(const MimiTransformerConfig& config,
                                      const std::string& prefix,
                                      weights::WeightStore& store,
                                      mx::Dtype dtype) {
  std::vector<Layer> layers;
  for (int layer = 0; layer < config.n_layers; ++layer) {
    layers.push_back(load_layer(config, str_cat(prefix, ".layers.", layer, "."),
                                store, dtype));
  }
  return {config, std::move(layers)};
}

nn::KvCache MimiTransformer::new_cache(int max_rows) const {
  return nn::KvCache({.n_layers = config_.n_layers,
                      .n_kv_heads = config_.n_kv_heads,
                      .head_dim = config_.head_dim,
                      .max_positions = config_.window + max_rows - 1,
                      .window = config_.window});
}

mx::array MimiTransformer::forward(
    const kernels::Exec& exec, mx::array x,
    std::span<const nn::CacheShare> shares) const {
  for (const nn::CacheShare& share : shares) {
    share.cache->reserve(exec, share.n_positions);
  }
  for (std::size_t idx = 0; idx < layers_.size(); ++idx) {
    const Layer& layer = layers_[idx];
    const std::vector<mx::array> qkv = kernels::norm_linear(
        exec, x, layer.attn_norm, {layer.q, layer.k, layer.v});
    const mx::array attended =
        nn::attend_each(exec, shares, static_cast<int>(idx), qkv[0], qkv[1],
                        qkv[2], inv_freq_, config_.n_heads);
    x = kernels::linear_residual(exec, attended, layer.o, x, layer.attn_scale);
    x = kernels::gelu_mlp(exec, x, layer.mlp_norm, layer.fc1, layer.fc2,
                          layer.mlp_scale);
  }
  for (const nn::CacheShare& share : shares) {
    share.cache->advance(share.n_positions);
  }
  return x;
}

}  // namespace csm::codec
