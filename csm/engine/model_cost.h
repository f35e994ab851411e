#pragma once

#include <cstdint>

#include "csm/engine/engine_options.h"

namespace csm::codec {
struct MimiConfig;
}
namespace csm::model {
struct ModelConfig;
}
namespace csm::weights {
class WeightStore;
}

namespace csm::engine {

/// What a model takes and what one frame of it reads and computes.
///
/// Bytes are those of weights as they lie in memory: what any implementation
/// must read from it for a frame. Keys, values and activations are not
/// counted. The backbone and the codec are read once a step, the depth decoder
/// and its projection K-1 times (its first two positions share a pass), every
/// head once, for all sessions of the step together; of the tables the rows
/// that each session looks up.
struct ModelCost {
  std::int64_t weights_bytes = 0;   ///< all weights in memory
  std::int64_t backbone_bytes = 0;  ///< matrices, read a step, with its head
  std::int64_t backbone_row_bytes = 0;  ///< of its table, a frame
  std::int64_t depth_bytes = 0;         ///< matrices, read a step, with heads
  std::int64_t depth_row_bytes = 0;     ///< of its table, a frame
  std::int64_t codec_bytes = 0;         ///< read a step

  std::int64_t backbone_macs = 0;  ///< multiply-adds a frame, with its head
  std::int64_t depth_macs = 0;
  std::int64_t codec_macs = 0;
  std::int64_t position_macs = 0;  ///< of the backbone alone, one position
  std::int64_t pair_macs = 0;      ///< of attention, a position and one it sees

  /// Read by a step of n sessions.
  [[nodiscard]] std::int64_t backbone_step_bytes(int n) const {
    return backbone_bytes + n * backbone_row_bytes;
  }
  [[nodiscard]] std::int64_t depth_step_bytes(int n) const {
    return depth_bytes + n * depth_row_bytes;
  }
  /// Of the language model.
  [[nodiscard]] std::int64_t step_bytes(int n) const {
    return backbone_step_bytes(n) + depth_step_bytes(n);
  }
  /// Multiply-adds of the backbone for a prompt of n positions, attention too.
  [[nodiscard]] std::int64_t prefill_macs(std::int64_t n) const {
    return position_macs * n + pair_macs * (n * (n + 1) / 2);
  }
};

/// Multiply-adds of a frame's matrix products, from the sizes alone (attention
/// adds less than a hundredth and is left out), and bytes from what was loaded.
[[nodiscard]] ModelCost measure_cost(const model::ModelConfig& config,
                                     const codec::MimiConfig& codec,
                                     const weights::WeightStore& store);

/// The same before anything is loaded, from the sizes alone: norms, biases and
/// the codec's codebooks are left out, and weights_bytes is 0.
[[nodiscard]] ModelCost expected_cost(const model::ModelConfig& config,
                                      const codec::MimiConfig& codec,
                                      WeightType type);

/// Bytes that the weights will need in memory, and while they are loaded.
[[nodiscard]] std::int64_t expected_memory(const model::ModelConfig& config,
                                           const codec::MimiConfig& codec,
                                           WeightType type);

/// Bytes that the encoder of the codec needs beside them.
[[nodiscard]] std::int64_t encoder_memory(const codec::MimiConfig& codec);

}  // namespace csm::engine
