#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/safetensors.h"

namespace csm::weights {

/// One tensor of a checkpoint with the file that it came from.
struct SourceTensor {
  TensorView view;
  std::string file;  ///< for messages
  /// Says that pages of `view.bytes` need not stay resident.
  std::function<void(std::span<const std::byte>)> release;
};

/// The tensors of a model by the names that its files use, whatever the number
/// and kind of the files. Keeps them mapped.
/// Movable only. Threads: const-safe.
class Checkpoint {
 public:
  /// Opens a model folder, or a .safetensors or .safetensors.index.json file.
  ///
  /// In a folder the first of transformers.safetensors.index.json,
  /// model.safetensors, model.safetensors.index.json is taken (csm-1b's
  /// repository keeps the original layout in model.safetensors beside
  /// Hugging Face's in the first).
  ///
  /// Throws: Error{kNotFound} if there is none of them or a shard is missing;
  /// Error{kCorrupt} for a malformed index, a shard name that is no plain
  /// .safetensors file name, a tensor that is listed but absent, present but
  /// not listed, or in two shards; as SafetensorsFile.
  static Checkpoint open(const std::filesystem::path& path);

  /// One without tensors; `label` stands for its path in messages.
  static Checkpoint empty(std::filesystem::path label) {
    return Checkpoint(std::move(label));
  }

  /// By name, ascending.
  [[nodiscard]] const std::map<std::string, SourceTensor, std::less<>>&
  tensors() const {
    return tensors_;
  }
  /// Null if absent.
  [[nodiscard]] const SourceTensor* find(std::string_view name) const;
  /// The file or index that was opened.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Checkpoint(std::filesystem::path path) : path_(std::move(path)) {}

  void add(const std::filesystem::path& file);
  void add_shards();

  std::filesystem::path path_;
  std::vector<std::shared_ptr<const SafetensorsFile>> files_;
  std::map<std::string, SourceTensor, std::less<>> tensors_;
};

}  // namespace csm::weights
