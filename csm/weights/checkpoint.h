#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/tensor_file.h"
#include "csm/weights/tensor_names.h"

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
  /// Opens a model folder, or a .safetensors, .safetensors.index.json or .gguf
  /// file.
  ///
  /// In a folder the first of transformers.safetensors.index.json,
  /// model.safetensors, model.safetensors.index.json, ckpt.safetensors and the
  /// only .gguf file is taken (csm-1b's repository keeps the original layout in
  /// model.safetensors beside Hugging Face's in the first).
  ///
  /// layout  if given, of these the first of this layout, and whatever its
  ///         names give away, it counts as that
  /// Throws: Error{kNotFound} if there is none of them or a shard is missing;
  /// Error{kUnsupported} if all there is is a pickle; Error{kInvalidArgument}
  /// for a folder of several .gguf files; Error{kCorrupt} for a malformed
  /// index, a shard name that is no plain .safetensors file name, a tensor that
  /// is listed but absent, present but not listed, or in two shards; as
  /// SafetensorsFile and GgufFile.
  static Checkpoint open(const std::filesystem::path& path,
                         std::optional<Layout> layout = std::nullopt);

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
  /// As given to open(), else told from the names; perhaps kUnknown.
  [[nodiscard]] Layout layout() const { return layout_; }
  /// All files that hold tensors.
  [[nodiscard]] std::set<std::filesystem::path> files() const;

  /// TensorFile::config() and TensorFile::tokenizer() of the file.
  [[nodiscard]] std::optional<Json> config() const;
  [[nodiscard]] std::optional<Json> tokenizer() const;

 private:
  explicit Checkpoint(std::filesystem::path path) : path_(std::move(path)) {}

  static Checkpoint open_file(const std::filesystem::path& path);
  void add(const std::filesystem::path& file);
  void add_shards();

  std::filesystem::path path_;
  Layout layout_ = Layout::kUnknown;
  std::vector<std::shared_ptr<const TensorFile>> files_;
  std::map<std::string, SourceTensor, std::less<>> tensors_;
};

}  // namespace csm::weights
