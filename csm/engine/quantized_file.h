#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "csm/engine/quantize_model.h"
#include "csm/kernels/linear_op.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"
#include "csm/weights/safetensors_writer.h"

namespace csm::engine {

/// The matrices of a model by canonical name, in MLX's rows where they are
/// integers; a stack has several.
using QuantizedMatrices = std::map<std::string, std::vector<kernels::Matrix>>;

/// The weight file of a quantised model: the checkpoint that it comes from,
/// with integers in place of matrices. Its widest elements come first, so that
/// every tensor begins at a multiple of their size.
class QuantizedFile {
 public:
  /// Plans the file. matrices and checkpoint must outlive it.
  ///
  /// tied  one audio table serves both transformers
  QuantizedFile(const QuantizeOptions& options,
                const QuantizedMatrices& matrices,
                const weights::Checkpoint& checkpoint, bool tied);

  /// What config.json must say.
  [[nodiscard]] const weights::Quantization& quantization() const {
    return quantization_;
  }
  /// Of tensors and the source; without `bytes`.
  [[nodiscard]] const QuantizeReport& report() const { return report_; }

  /// Writes it; calls options.progress.
  ///
  /// Throws: Error{kExhausted} for a full disk; Error{kCorrupt} naming a value
  /// of the source that is not finite; what progress throws.
  void write(const std::filesystem::path& path,
             const QuantizeOptions& options) const;

 private:
  /// A tensor of the file and where its data come from.
  struct Output {
    weights::TensorPlan plan;
    // Copied, or converted to plan.dtype; null: the arrays, one after another.
    const weights::SourceTensor* source = nullptr;
    std::vector<mx::array> arrays = {};
  };

  static Output output_of(const std::string& name,
                          std::vector<mx::array> arrays, bool is_stack);
  static void write_source(const Output& output,
                           weights::SafetensorsWriter& writer);
  void add(const std::string& canonical, const weights::SourceTensor& tensor,
           const QuantizedMatrices& matrices);
  void add_integers(const std::string& module,
                    const std::vector<kernels::Matrix>& stack, bool is_stack);

  std::vector<Output> outputs_;
  weights::Quantization quantization_;
  QuantizeReport report_;
};

}  // namespace csm::engine
