#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/aligned_array.h"
#include "csm/weights/checkpoint.h"

namespace csm::weights {

/// A LoRA adapter as PEFT saves it: adapter_config.json and
/// adapter_model.safetensors, whose names are Hugging Face's. It changes
/// weights to w + scale B A, and replaces those of modules that were trained
/// as a whole ("modules_to_save"). The codec's modules are changed too: PEFT
/// takes them along where their names end as those of the transformers.
///
/// Movable only. Threads: const-safe.
class LoraAdapter {
 public:
  /// strength  multiplies the adapter's own scale
  /// Throws: Error{kNotFound} if a file is missing; as LoraConfig::load and
  /// SafetensorsFile; Error{kCorrupt} naming a tensor that is not of this form;
  /// Error{kUnsupported} for a strength other than 1 with whole modules.
  static LoraAdapter open(const std::filesystem::path& folder,
                          double strength = 1);

  /// Whether a tensor changes.
  [[nodiscard]] bool has(std::string_view canonical) const {
    return changes_.contains(canonical);
  }

  /// Canonical names of the tensors that change, ascending.
  [[nodiscard]] std::vector<std::string> names() const;

  /// Changes the values of a tensor.
  ///
  /// shape    of the whole tensor, in canonical order of rows
  /// part     which of its shape[0] parts `values` are; nothing: all
  /// by_rows  of a stack of square matrices: that they are [out, in], not
  ///          [in, out] as in the adapter
  /// values   float32, whose data nobody shares
  /// Throws: Error{kCorrupt} naming a tensor whose shape does not fit, or a
  /// value that is not finite; Error{kUnsupported} for a stack of square
  /// matrices, which versions of PEFT write in two orders that look alike.
  void change(std::string_view canonical, const std::vector<int>& shape,
              std::optional<int> part, bool by_rows, mx::array& values) const;

  /// adapter_config.json and adapter_model.safetensors.
  [[nodiscard]] static std::vector<std::filesystem::path> files_of(
      const std::filesystem::path& folder);

 private:
  // How one tensor changes: by the product of two others, or into another one.
  struct Change {
    const SourceTensor* whole = nullptr;
    const SourceTensor* base = nullptr;  // takes its place before the product
    const SourceTensor* a = nullptr;     // [rank, in]; of a table [rank, rows]
    const SourceTensor* b = nullptr;  // [out, rank]; of a table [width, rank]
    bool is_table = false;
    int rank = 0;
    float scale = 0;
  };
  struct Factors;

  explicit LoraAdapter(Checkpoint checkpoint)
      : checkpoint_(std::move(checkpoint)) {}

  void add(const SourceTensor& tensor);
  void check_pairs() const;
  [[nodiscard]] static Factors factors_of(const Change& change,
                                          const std::vector<int>& shape,
                                          std::optional<int> part);
  [[nodiscard]] static mx::array whole_values(const SourceTensor& tensor,
                                              const std::vector<int>& shape,
                                              std::optional<int> part,
                                              bool by_rows);

  Checkpoint checkpoint_;
  std::map<std::string, Change, std::less<>> changes_;  // by canonical name
};

}  // namespace csm::weights
