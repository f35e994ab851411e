#include "csm/weights/affine_tensor.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/ggml_blocks.h"
#include "mlx/ops.h"

namespace csm::weights {
namespace {

constexpr int kWordBits = 32;
constexpr std::string_view kScales = ".scales";
constexpr std::string_view kBiases = ".biases";
constexpr float kLargest = 0x1.FEp127F;  // of bfloat16

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const SourceTensor& tensor) {
  throw Error(code, str_cat("[weights.affine_tensor] ", what, " (",
                            where_of(tensor), ")"));
}

std::string with_last(const std::vector<int>& shape, std::int64_t last) {
  std::vector<std::int64_t> out(shape.begin(), shape.end());
  out.back() = last;
  return to_string(out);
}

// The last extent of a tensor whose others are those of the weights.
std::int64_t last_extent(const SourceTensor& tensor,
                         const std::vector<int>& shape,
                         const std::string& expected) {
  const auto& got = tensor.view.shape;
  bool fits = got.size() == shape.size();
  for (std::size_t i = 0; fits && i + 1 < shape.size(); ++i) {
    fits = got[i] == shape[i];
  }
  if (!fits || got.back() < 1) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected shape ", expected, ", got ", to_string(got)),
         tensor);
  }
  return got.back();
}

int bits_of(const SourceTensor& words, const std::vector<int>& shape) {
  const std::int64_t in = shape.back();
  const std::string expected =
      str_cat(with_last(shape, in / 8), " or ", with_last(shape, in / 4));
  const std::int64_t cols = last_extent(words, shape, expected);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    if (cols * kWordBits == in * bits) return bits;
  }
  fail(ErrorCode::kCorrupt,
       str_cat("expected words of 2, 3, 4, 5, 6 or 8 bits for ", in,
               " columns, got ", to_string(words.view.shape)),
       words);
}

void require_float(const SourceTensor& tensor) {
  if (is_convertible(tensor.view.dtype)) return;
  fail(ErrorCode::kUnsupported,
       str_cat("expected dtype F32, F16 or BF16, got ",
               to_string(tensor.view.dtype)),
       tensor);
}

// Elements of a row lie one behind the other from the lowest bit of the first
// byte on, so that eight of them fill as many bytes as each has bits.
void widen_row(std::span<const std::byte> row, int from, int to,
               std::uint32_t* out) {
  constexpr std::size_t kStep = 8;
  const auto bits = static_cast<std::size_t>(from);
  const auto width = static_cast<std::size_t>(to);
  const std::uint64_t mask = (1U << bits) - 1U;
  for (std::size_t at = 0; at < row.size(); at += bits) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, row.data() + at, bits);
    std::uint64_t wide = 0;
    for (std::size_t j = 0; j < kStep; ++j) {
      wide |= ((eight >> (j * bits)) & mask) << (j * width);
    }
    const std::size_t n_words = kStep * width / kWordBits;
    for (std::size_t w = 0; w < n_words; ++w) {
      *out++ = static_cast<std::uint32_t>(wide >> (w * kWordBits));
    }
  }
}

std::vector<int> with_columns(std::vector<int> shape, int columns) {
  shape.back() = columns;
  return shape;
}

std::size_t n_rows(const std::vector<int>& shape) {
  return element_count(shape) / static_cast<std::size_t>(shape.back());
}

mx::array read_words(const SourceTensor& tensor, const RowOrder& order,
                     const std::vector<int>& shape, int from, int to) {
  const auto in = static_cast<std::size_t>(shape.back());
  const std::size_t words = in * static_cast<std::size_t>(to) / kWordBits;
  const std::size_t row_bytes = in * static_cast<std::size_t>(from) / 8;
  mx::array out =
      aligned_array(with_columns(shape, static_cast<int>(words)), mx::uint32);
  auto* first = out.data<std::uint32_t>();
  for_each_row(tensor, order, n_rows(shape), row_bytes,
               [&](std::size_t row, std::span<const std::byte> bytes) {
                 std::uint32_t* to_row = first + row * words;
                 if (from == to) {
                   std::memcpy(to_row, bytes.data(), bytes.size());
                 } else {
                   widen_row(bytes, from, to, to_row);
                 }
               });
  return out;
}

// Each value n times.
mx::array repeated(const mx::array& x, int n) {
  if (n == 1) return x;
  const mx::Stream cpu = mx::default_stream(mx::Device(mx::Device::cpu));
  mx::array out = mx::contiguous(mx::repeat(x, n, -1, cpu), false, cpu);
  out.eval();
  return out;
}

mx::array read_scales(const SourceTensor& tensor, const RowOrder& order,
                      const std::vector<int>& shape, AffineForm stored) {
  const mx::Dtype dtype =
      tensor.view.dtype == Dtype::kBf16 ? mx::bfloat16 : mx::float32;
  const mx::array values = read_rows(
      tensor, order, with_columns(shape, shape.back() / stored.group), dtype);
  return repeated(values, stored.group / widened_form(stored).group);
}

AffineTensor read_blocks(const SourceTensor& tensor, const RowOrder& order,
                         const std::vector<int>& shape, AffineForm form) {
  const Dtype dtype = tensor.view.dtype;
  const auto in = static_cast<std::size_t>(shape.back());
  const std::size_t words = in * static_cast<std::size_t>(form.bits) / 32;
  const std::size_t groups = in / static_cast<std::size_t>(form.group);
  const auto columns = [&](std::size_t n) {
    return with_columns(shape, static_cast<int>(n));
  };
  AffineTensor out{.form = form,
                   .words = aligned_array(columns(words), mx::uint32),
                   .scales = aligned_array(columns(groups), mx::float32),
                   .biases = aligned_array(columns(groups), mx::float32)};
  for_each_row(tensor, order, n_rows(shape),
               in / block_values(dtype) * block_bytes(dtype),
               [&](std::size_t row, std::span<const std::byte> blocks) {
                 blocks_to_affine(dtype, blocks,
                                  out.words.data<std::uint32_t>() + row * words,
                                  out.scales.data<float>() + row * groups,
                                  out.biases.data<float>() + row * groups);
               });
  return out;
}

// As float32, whatever the array's type.
mx::array widened(const mx::array& x) {
  if (x.dtype() == mx::float32) return x;
  const mx::Stream cpu = mx::default_stream(mx::Device(mx::Device::cpu));
  mx::array out = mx::contiguous(mx::astype(x, mx::float32, cpu), false, cpu);
  out.eval();
  return out;
}

// Whether weights of these bits are finite in bfloat16 too.
void check_range(const AffineTensor& tensor, int bits,
                 const SourceTensor& source) {
  const mx::array scales = widened(tensor.scales);
  const mx::array biases = widened(tensor.biases);
  const auto most = static_cast<float>((1 << bits) - 1);
  const auto n = static_cast<std::size_t>(scales.size());
  for (std::size_t i = 0; i < n; ++i) {
    const float bias = biases.data<float>()[i];
    const float end = most * scales.data<float>()[i] + bias;
    // The other weights of the group lie between these two.
    if (std::abs(end) <= kLargest && std::abs(bias) <= kLargest) continue;
    fail(ErrorCode::kCorrupt,
         str_cat("expected scales that keep weights finite, got an overflow "
                 "in group ",
                 i),
         source);
  }
}

AffineForm form_of_blocks(const SourceTensor& tensor,
                          const std::vector<int>& shape) {
  const auto form = affine_form_of(tensor.view.dtype);
  CSM_CHECK(form, to_string(tensor.view.dtype));
  if (last_extent(tensor, shape, with_last(shape, shape.back())) !=
      shape.back()) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected shape ", with_last(shape, shape.back()), ", got ",
                 to_string(tensor.view.shape)),
         tensor);
  }
  return *form;
}

// Scales without biases: MLX's modes that are no integers.
void check_mode(const SourceTensor& scales) {
  if (scales.view.dtype != Dtype::kU8) return;
  fail(ErrorCode::kUnsupported,
       "expected integers with scales and biases (MLX's mode affine), got "
       "scales of U8 without biases, as its modes mxfp4, mxfp8 and nvfp4 have",
       scales);
}

}  // namespace

AffineSource find_affine(const Checkpoint& checkpoint,
                         const SourceTensor& tensor) {
  if (affine_form_of(tensor.view.dtype)) return {.words = &tensor};
  const auto module = module_of(tensor.view.name);
  if (!module) return {};
  AffineSource out{.words = &tensor,
                   .scales = checkpoint.find(*module + std::string(kScales)),
                   .biases = checkpoint.find(*module + std::string(kBiases))};
  const bool is_words = tensor.view.dtype == Dtype::kU32;
  if (!is_words && out.scales == nullptr && out.biases == nullptr) return {};
  if (!is_words) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected dtype U32 of a tensor with scales, got ",
                 to_string(tensor.view.dtype)),
         tensor);
  }
  if (out.scales != nullptr && out.biases == nullptr) check_mode(*out.scales);
  for (const std::string_view ending : {kScales, kBiases}) {
    if ((ending == kScales ? out.scales : out.biases) != nullptr) continue;
    fail(ErrorCode::kNotFound,
         str_cat("expected tensor ", printable(*module), ending,
                 " beside the integers, got none"),
         tensor);
  }
  return out;
}

AffineForm stored_form(const AffineSource& source,
                       const std::vector<int>& shape,
                       const std::optional<AffineForm>& declared) {
  if (source.scales == nullptr) return form_of_blocks(*source.words, shape);
  const std::int64_t in = shape.back();
  const int bits = bits_of(*source.words, shape);
  const std::int64_t cols =
      last_extent(*source.scales, shape, with_last(shape, in / 64));
  if (in % cols != 0) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected groups that divide ", in, " columns, got ", cols,
                 " groups"),
         *source.scales);
  }
  const AffineForm form =
      checked_form(bits, in / cols, where_of(*source.scales));
  if (source.biases->view.shape != source.scales->view.shape) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected shape ", to_string(source.scales->view.shape),
                 ", that of the scales, got ",
                 to_string(source.biases->view.shape)),
         *source.biases);
  }
  require_float(*source.scales);
  require_float(*source.biases);
  if (declared && *declared != form) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected ", to_string(*declared),
                 " as config.json says, got ", to_string(form)),
         *source.words);
  }
  return form;
}

AffineTensor read_affine(const AffineSource& source, const RowOrder& order,
                         const std::vector<int>& shape, AffineForm stored) {
  if (source.scales == nullptr) {
    AffineTensor tensor = read_blocks(*source.words, order, shape, stored);
    check_range(tensor, stored.bits, *source.words);
    return tensor;
  }
  const AffineForm form = widened_form(stored);
  AffineTensor tensor{
      .form = form,
      .words = read_words(*source.words, order, shape, stored.bits, form.bits),
      .scales = read_scales(*source.scales, order, shape, stored),
      .biases = read_scales(*source.biases, order, shape, stored)};
  check_range(tensor, stored.bits, *source.scales);
  return tensor;
}

mx::array dequantize(const AffineTensor& tensor, const std::vector<int>& shape,
                     mx::Dtype dtype) {
  const mx::array scales = widened(tensor.scales);
  const mx::array biases = widened(tensor.biases);
  const std::uint32_t* words = tensor.words.data<std::uint32_t>();
  const auto bits = static_cast<std::size_t>(tensor.form.bits);
  const auto group = static_cast<std::size_t>(tensor.form.group);
  const std::uint32_t mask = (1U << bits) - 1U;
  mx::array out = aligned_array(shape, dtype);
  auto* to = reinterpret_cast<std::byte*>(out.data<char>());
  std::vector<float> values(group);
  const auto n_groups = static_cast<std::size_t>(scales.size());
  for (std::size_t g = 0; g < n_groups; ++g) {
    for (std::size_t i = 0; i < group; ++i) {
      const std::size_t bit = (g * group + i) * bits;
      const auto q = static_cast<float>(
          (words[bit / kWordBits] >> (bit % kWordBits)) & mask);
      values[i] = scales.data<float>()[g] * q + biases.data<float>()[g];
    }
    const auto bad =
        convert(Dtype::kF32, std::as_bytes(std::span(values)), target_of(dtype),
                to + g * group * mx::size_of(dtype));
    CSM_CHECK(!bad, "read_affine() checks the range");
  }
  return out;
}

}  // namespace csm::weights
