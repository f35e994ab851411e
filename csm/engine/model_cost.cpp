#include "csm/engine/model_cost.h"

#include <algorithm>
#include <string_view>

#include "csm/codec/mimi_config.h"
#include "csm/model/model_config.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {
namespace {

using Int = std::int64_t;

Int product(Int a, Int b) { return a * b; }

// Values of the matrices of one transformer.
Int stack_values(const nn::LlamaConfig& c) {
  const Int q_width = product(c.n_heads, c.head_dim);
  const Int kv_width = product(c.n_kv_heads, c.head_dim);
  const Int layer =
      2 * c.width * (q_width + kv_width) + 3 * product(c.width, c.hidden);
  return c.n_layers * layer;
}

// Those of v and o, which stay finer than the others.
Int fine_values(const nn::LlamaConfig& c) {
  return c.n_layers * c.width * product(c.n_heads + c.n_kv_heads, c.head_dim);
}

Int mimi_stack_values(const codec::MimiTransformerConfig& c) {
  const Int q_width = product(c.n_heads, c.head_dim);
  const Int kv_width = product(c.n_kv_heads, c.head_dim);
  return c.n_layers *
         (2 * c.width * (q_width + kv_width) + 2 * product(c.width, c.hidden));
}

struct Conv {
  Int values = 0;
  Int macs = 0;  // a frame

  void add(Int weights, Int steps) {
    values += weights;
    macs += weights * steps;
  }
};

// Every weight of a convolution is used once for each of its output steps, of
// a transposed one for each of its input steps.
Conv seanet_cost(const codec::SeanetConfig& c) {
  Conv cost;
  Int steps = codec::MimiConfig::kStepsPerFrame;
  Int width = Int{c.n_filters} << c.ratios.size();
  cost.add(width * c.latent_width * c.kernel, steps);
  for (const int ratio : c.ratios) {
    cost.add(width * (width / 2) * 2 * ratio, steps);
    width /= 2;
    steps *= ratio;
    const Int inner = width / c.compress;
    cost.add(c.n_residual_layers * width * inner * (c.residual_kernel + 1),
             steps);
  }
  cost.add(width * c.last_kernel, steps);
  return cost;
}

Int codec_macs(const codec::MimiConfig& c) {
  const Int projections =
      c.codebook_dim == c.transformer.width
          ? 0
          : 2 * product(c.transformer.width, c.codebook_dim);
  return projections + 2 * product(c.transformer.width, 2) +
         codec::MimiConfig::kStepsPerFrame * mimi_stack_values(c.transformer) +
         seanet_cost(c.seanet).macs;
}

// Bytes of values of this type; integers come with a bfloat16 scale and bias
// for every 64.
Int bytes_of(Int values, WeightType type) {
  constexpr Int kSixteen = 16;
  const auto sixteenths = [type]() -> Int {
    switch (type) {
      case WeightType::kF32:
        return 64;
      case WeightType::kBf16:
        return 32;
      case WeightType::kInt8:
        return 17;
      case WeightType::kInt4:
        return 9;
    }
    return 64;
  };
  return values * sixteenths() / kSixteen;
}

// The types that model::WeightPolicy keeps some matrices in, and the tables.
WeightType fine_type(WeightType type) {
  return type == WeightType::kInt4 ? WeightType::kInt8 : type;
}

WeightType table_type(WeightType type) {
  const bool integer = type == WeightType::kInt8 || type == WeightType::kInt4;
  return integer ? WeightType::kBf16 : type;
}

Int stack_bytes(const nn::LlamaConfig& c, WeightType type) {
  const Int fine = fine_values(c);
  return bytes_of(stack_values(c) - fine, type) +
         bytes_of(fine, fine_type(type));
}

// The multiply-adds of a cost.
void count_macs(const model::ModelConfig& config,
                const codec::MimiConfig& codec, ModelCost& cost) {
  const Int k = config.n_codebooks;
  const Int head = product(config.audio_vocab, config.backbone.width);
  const Int depth_head = product(config.audio_vocab, config.depth.width);
  cost.position_macs = stack_values(config.backbone);
  // For scores and for values.
  cost.pair_macs = 2 * config.backbone.n_layers *
                   product(config.backbone.n_heads, config.backbone.head_dim);
  cost.backbone_macs = cost.position_macs + head;
  cost.depth_macs = k * (stack_values(config.depth) +
                         product(config.backbone.width, config.depth.width)) +
                    (k - 1) * depth_head;
  cost.codec_macs = codec_macs(codec);
}

// Bytes of the taken tensors whose name begins with `prefix`.
Int taken_bytes(const weights::WeightStore& store, std::string_view prefix) {
  Int sum = 0;
  for (auto it = store.taken().lower_bound(prefix);
       it != store.taken().end() && it->first.starts_with(prefix); ++it) {
    sum += static_cast<Int>(it->second.bytes);
  }
  return sum;
}

}  // namespace

ModelCost measure_cost(const model::ModelConfig& config,
                       const codec::MimiConfig& codec,
                       const weights::WeightStore& store) {
  const Int k = config.n_codebooks;
  const Int frame_rows = k * config.audio_vocab;
  const Int frame_table = taken_bytes(store, "audio_emb");
  // Where the tables are tied, one name stands for both.
  const Int depth_table = taken_bytes(store, "dd.audio_emb");
  const Int any_frame_table = frame_table > 0 ? frame_table : depth_table;
  const Int any_depth_table = depth_table > 0 ? depth_table : frame_table;
  const Int proj = taken_bytes(store, "proj");

  ModelCost cost;
  cost.weights_bytes = taken_bytes(store, "");
  cost.backbone_bytes =
      taken_bytes(store, "bb.") + taken_bytes(store, "c0_head");
  cost.backbone_row_bytes = any_frame_table / frame_rows * k;
  cost.depth_bytes =
      (k - 1) * (taken_bytes(store, "dd.") - depth_table + proj) +
      taken_bytes(store, "audio_head");
  cost.depth_row_bytes = any_depth_table / frame_rows * (k - 1);
  // The encoder has no part in speaking.
  cost.codec_bytes =
      taken_bytes(store, "codec.") - taken_bytes(store, "codec.encoder") -
      taken_bytes(store, "codec.downsample") -
      taken_bytes(store, "codec.quantizer.") +
      taken_bytes(store,
                  "codec.quantizer.semantic_residual_vector_quantizer.output") +
      taken_bytes(store,
                  "codec.quantizer.acoustic_residual_vector_quantizer.output") +
      k * codec.codebook_dim * Int{sizeof(float)};
  count_macs(config, codec, cost);
  return cost;
}

ModelCost expected_cost(const model::ModelConfig& config,
                        const codec::MimiConfig& codec, WeightType type) {
  const Int k = config.n_codebooks;
  const Int width = config.backbone.width;
  const Int depth_width = config.depth.width;
  const auto fine = [type](Int values) {
    return bytes_of(values, fine_type(type));
  };
  ModelCost cost;
  cost.backbone_bytes = stack_bytes(config.backbone, type) +
                        fine(product(config.audio_vocab, width));
  cost.backbone_row_bytes = bytes_of(k * width, table_type(type));
  cost.depth_bytes =
      (k - 1) * (stack_bytes(config.depth, type) + fine(depth_width * width)) +
      fine((k - 1) * product(config.audio_vocab, depth_width));
  cost.depth_row_bytes = bytes_of((k - 1) * width, table_type(type));
  cost.codec_bytes = bytes_of(
      mimi_stack_values(codec.transformer) + seanet_cost(codec.seanet).values,
      WeightType::kF32);
  count_macs(config, codec, cost);
  return cost;
}

Int expected_memory(const model::ModelConfig& config,
                    const codec::MimiConfig& codec, WeightType type) {
  const Int width = config.backbone.width;
  const Int heads =
      product(config.n_codebooks - 1, config.audio_vocab) * config.depth.width;
  const Int values = fine_values(config.backbone) + fine_values(config.depth);
  const Int layers =
      stack_values(config.backbone) + stack_values(config.depth) - values;
  const Int fine =
      (config.audio_vocab + config.depth.width) * width + heads + values;
  const Int tables =
      (config.text_vocab + product(config.n_codebooks, config.audio_vocab)) *
      width;
  const Int codec_values =
      product(codec.n_codebooks, codec.codebook_size) * codec.codebook_dim +
      mimi_stack_values(codec.transformer) + seanet_cost(codec.seanet).values;
  constexpr Int kOther = 64 << 20;  // program, caches, activations
  // One matrix at a time is there as floats and in its final form.
  const Int passing =
      product(width, std::max(config.backbone.hidden, config.audio_vocab)) *
      Int{sizeof(float)} * 2;
  return bytes_of(layers, type) + bytes_of(fine, fine_type(type)) +
         bytes_of(tables, table_type(type)) +
         codec_values * Int{sizeof(float)} + passing + kOther;
}

// Its convolutions mirror the decoder's; a dense downsampling comes on top.
Int encoder_memory(const codec::MimiConfig& codec) {
  const Int width = codec.transformer.width;
  const Int values = mimi_stack_values(codec.transformer) +
                     seanet_cost(codec.seanet).values +
                     width * (2 * codec::MimiConfig::kStepsPerFrame * width +
                              2 * codec.codebook_dim) +
                     product(codec.n_codebooks, codec.codebook_size);
  return values * Int{sizeof(float)};
}

}  // namespace csm::engine
