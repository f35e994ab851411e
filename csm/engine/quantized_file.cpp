#include "csm/engine/quantized_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/output_folder.h"
#include "csm/nn/load_matrix.h"
#include "csm/weights/read_tensor.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using weights::AffineForm;
using weights::Dtype;

constexpr std::size_t kChunk = 1UL << 22U;  // elements
constexpr weights::Layout kLayout = weights::Layout::kHuggingFace;

std::optional<AffineForm> form_of(const std::vector<kernels::Matrix>& stack) {
  const auto& affine = stack.front().affine;
  if (!affine) return std::nullopt;
  return AffineForm{kernels::bits_of(affine->type), affine->format.group};
}

Dtype dtype_of(const mx::array& x) {
  if (x.dtype() == mx::uint32) return Dtype::kU32;
  return x.dtype() == mx::bfloat16 ? Dtype::kBf16 : Dtype::kF32;
}

bool is_table(const std::string& canonical) {
  return canonical == "text_emb" || canonical == "audio_emb" ||
         canonical == "dd.audio_emb";
}

void count(const std::vector<kernels::Matrix>& stack, QuantizeReport& report) {
  for (const kernels::Matrix& matrix : stack) {
    const bool int4 = matrix.affine->type == kernels::WeightType::kInt4;
    ++(int4 ? report.n_int4 : report.n_int8);
    report.matrix_values += std::int64_t{matrix.out()} * matrix.in();
    report.matrix_bytes += static_cast<std::int64_t>(nn::matrix_bytes(matrix));
  }
}

}  // namespace

QuantizedFile::QuantizedFile(const QuantizeOptions& options,
                             const QuantizedMatrices& matrices,
                             const weights::Checkpoint& checkpoint, bool tied) {
  quantization_.form = {options.weight_type == WeightType::kInt4 ? 4 : 8,
                        options.group};
  const auto depth_table = weights::source_name(kLayout, "dd.audio_emb");
  const bool two_tables = checkpoint.find(depth_table.value_or("")) != nullptr;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    report_.source_bytes += static_cast<std::int64_t>(tensor.view.bytes.size());
    const std::string canonical =
        weights::canonical_name(kLayout, name).value_or(name);
    // Of equal tables transformers keeps the depth decoder's.
    if (canonical == "audio_emb" && tied && two_tables) continue;
    add(canonical, tensor, matrices);
  }
  std::stable_sort(
      outputs_.begin(), outputs_.end(), [](const Output& a, const Output& b) {
        return weights::size_of(a.plan.dtype) > weights::size_of(b.plan.dtype);
      });
}

// A matrix as integers, one without whole groups and a table as BF16, as an
// Engine would hold them; everything else as it is.
void QuantizedFile::add(const std::string& canonical,
                        const weights::SourceTensor& tensor,
                        const QuantizedMatrices& matrices) {
  const auto found = matrices.find(canonical);
  const bool is_matrix = found != matrices.end();
  const auto form = is_matrix ? form_of(found->second) : std::nullopt;
  if (!form) {
    const bool narrow = is_matrix || is_table(canonical);
    outputs_.push_back(
        {.plan = {tensor.view.name, narrow ? Dtype::kBf16 : tensor.view.dtype,
                  tensor.view.shape},
         .source = &tensor});
    ++report_.n_float;
    return;
  }
  const std::string module =
      weights::module_of(tensor.view.name).value_or(tensor.view.name);
  add_integers(module, found->second, canonical == "audio_head");
  if (*form != quantization_.form) {
    quantization_.modules.emplace(module, form);
  }
  count(found->second, report_);
}

void QuantizedFile::add_integers(const std::string& module,
                                 const std::vector<kernels::Matrix>& stack,
                                 bool is_stack) {
  std::vector<mx::array> words;
  std::vector<mx::array> scales;
  std::vector<mx::array> biases;
  for (const kernels::Matrix& matrix : stack) {
    words.push_back(matrix.data);
    scales.push_back(*matrix.affine->scales);
    biases.push_back(*matrix.affine->biases);
  }
  outputs_.push_back(output_of(module + ".weight", std::move(words), is_stack));
  outputs_.push_back(
      output_of(module + ".scales", std::move(scales), is_stack));
  outputs_.push_back(
      output_of(module + ".biases", std::move(biases), is_stack));
}

QuantizedFile::Output QuantizedFile::output_of(const std::string& name,
                                               std::vector<mx::array> arrays,
                                               bool is_stack) {
  weights::TensorPlan plan{name, dtype_of(arrays.front()), {}};
  if (is_stack) plan.shape.push_back(static_cast<std::int64_t>(arrays.size()));
  for (const int extent : arrays.front().shape()) plan.shape.push_back(extent);
  return {.plan = std::move(plan), .arrays = std::move(arrays)};
}

// In pieces, so that the source's pages need not stay in memory.
void QuantizedFile::write_source(const Output& output,
                                 weights::SafetensorsWriter& writer) {
  const weights::TensorView& view = output.source->view;
  const std::size_t item = weights::size_of(view.dtype);
  const std::size_t n = view.bytes.size() / item;
  for (std::size_t at = 0; at < n; at += kChunk) {
    const std::size_t size = std::min(kChunk, n - at);
    if (output.plan.dtype == view.dtype) {
      const auto piece = view.bytes.subspan(at * item, size * item);
      writer.write(piece);
      output.source->release(piece);
      continue;
    }
    const mx::array values = weights::read_values(
        *output.source, at, {static_cast<int>(size)}, mx::bfloat16);
    writer.write(
        std::as_bytes(std::span(values.data<char>(), values.nbytes())));
  }
}

void QuantizedFile::write(const fs::path& path,
                          const QuantizeOptions& options) const {
  std::vector<weights::TensorPlan> tensors;
  for (const Output& output : outputs_) tensors.push_back(output.plan);
  weights::SafetensorsWriter writer(path, tensors, {{"format", "mlx"}});
  require_space(path.parent_path(), writer.file_bytes(), options.output);
  double done = 0;
  for (const Output& output : outputs_) {
    if (output.source != nullptr) write_source(output, writer);
    for (const mx::array& x : output.arrays) {
      writer.write(std::as_bytes(std::span(x.data<char>(), x.nbytes())));
    }
    done += static_cast<double>(output.plan.bytes());
    if (options.progress) {
      options.progress("writing",
                       done / static_cast<double>(writer.file_bytes()));
    }
  }
  writer.finish();
}

}  // namespace csm::engine
