#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/layout.h"

namespace csm::engine {

/// The processor that runs the model.
enum class DeviceKind { kCpu, kGpu };

/// How weights are stored while the model runs. Activations are float32.
enum class WeightType { kF32, kBf16, kInt8, kInt4 };

[[nodiscard]] const char* to_string(DeviceKind device);
[[nodiscard]] const char* to_string(WeightType type);
[[nodiscard]] std::optional<DeviceKind> parse_device(std::string_view name);
[[nodiscard]] std::optional<WeightType> parse_weight_type(
    std::string_view name);

/// A LoRA adapter that is merged into a model while it is loaded.
struct AdapterFolder {
  std::filesystem::path path;  ///< with adapter_config.json
  double strength = 1;         ///< multiplies its own scale
};

/// Where the files of a model are (docs/weights.md).
struct ModelFiles {
  /// Folder with weights, config.json and tokenizer.json, or a file of weights
  /// with these beside it: .safetensors, .safetensors.index.json or .gguf.
  std::filesystem::path model;
  /// How the weights are named; nothing: their names tell.
  std::optional<weights::Layout> layout = {};
  /// The codec's weights, a file or a folder; empty: in the model's weights or
  /// beside them.
  std::filesystem::path mimi = {};
  /// A tokenizer.json or a folder with one; empty: in the model's weights or
  /// beside them.
  std::filesystem::path tokenizer = {};
  /// Merged one after the other (docs/adapters.md).
  std::vector<AdapterFolder> adapters = {};

  /// The model, or what it lies in.
  [[nodiscard]] std::filesystem::path folder() const;
};

/// The type of weights that a model asks for: kInt8 or kInt4 if they are
/// stored as integers, else kF32.
///
/// Throws: Error{kNotFound}, Error{kCorrupt} or Error{kUnsupported} naming the
/// file and field if there is no model that can be read.
[[nodiscard]] WeightType stored_weight_type(const ModelFiles& files);

/// What an Engine is made of, for its whole life.
struct EngineOptions {
  /// As ModelFiles, in whose order these five are.
  std::filesystem::path model_dir;
  std::optional<weights::Layout> layout = {};
  std::filesystem::path mimi_path = {};
  std::filesystem::path tokenizer_path = {};
  std::vector<AdapterFolder> adapters = {};
  /// Where digests of weights are kept (weights::kept_model_digest), so that a
  /// voice's cache is checked without reading all weights again; empty: they
  /// are not kept.
  std::filesystem::path digest_dir = {};
  /// Instead of a folder: the name of a shape (random_model.h) whose weights
  /// are made in memory. Such a model has no tokenizer.
  std::string random_weights = {};
  /// Of the random weights.
  std::uint64_t weight_seed = 0;
  DeviceKind device = DeviceKind::kCpu;
  /// Of a folder with integer weights: stored_weight_type(), or kF32 for the
  /// floats that they stand for.
  WeightType weight_type = WeightType::kF32;
  /// Threads of the CPU kernels, 1 to 1024; 0 means one for each processor
  /// that the process may use. Results do not depend on it.
  int threads = 0;
  /// Compose every operation from MLX's own on the CPU too: the graph that a
  /// GPU executes. Slow; for tests and comparisons.
  bool composed = false;
  /// Load the encoder of the codec too, for Engine::encode.
  bool encoder = false;
  /// Time the stages of a frame (Session::frame_times).
  bool timed = false;

  [[nodiscard]] ModelFiles files() const {
    return {model_dir, layout, mimi_path, tokenizer_path, adapters};
  }

  /// Throws: Error{kInvalidArgument} naming the field and its range,
  /// Error{kUnsupported} for what this build cannot do.
  void validate() const;
};

}  // namespace csm::engine
