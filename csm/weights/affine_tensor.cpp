#include "csm/weights/affine_tensor.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/read_tensor.h"
#include "mlx/ops.h"

namespace csm::weights {
namespace {

constexpr int kWordBits = 32;
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
  for (const int bits : {4, 8}) {
    if (cols * kWordBits == in * bits) return bits;
  }
  fail(ErrorCode::kCorrupt,
       str_cat("expected shape ", expected, " (4 or 8 bits), got ",
               to_string(words.view.shape)),
       words);
}

void require_float(const SourceTensor& tensor) {
  if (is_convertible(tensor.view.dtype)) return;
  fail(ErrorCode::kUnsupported,
       str_cat("expected dtype F32, F16 or BF16, got ",
               to_string(tensor.view.dtype)),
       tensor);
}

mx::array read_words(const SourceTensor& tensor, std::size_t first,
                     const std::vector<int>& shape) {
  mx::array out = aligned_array(shape, mx::uint32);
  const auto in =
      tensor.view.bytes.subspan(first * sizeof(std::uint32_t), out.nbytes());
  std::memcpy(out.data<char>(), in.data(), in.size());
  tensor.release(in);
  return out;
}

mx::array read_scales(const SourceTensor& tensor, std::size_t first,
                      const std::vector<int>& shape) {
  const mx::Dtype dtype =
      tensor.view.dtype == Dtype::kBf16 ? mx::bfloat16 : mx::float32;
  return read_values(tensor, first, shape, dtype);
}

// As float32, whatever the array's type.
mx::array widened(const mx::array& x) {
  if (x.dtype() == mx::float32) return x;
  const mx::Stream cpu = mx::default_stream(mx::Device(mx::Device::cpu));
  mx::array out = mx::contiguous(mx::astype(x, mx::float32, cpu), false, cpu);
  out.eval();
  return out;
}

void check_range(const AffineTensor& tensor, const AffineSource& source,
                 std::size_t first) {
  const mx::array scales = widened(tensor.scales);
  const mx::array biases = widened(tensor.biases);
  const auto most = static_cast<float>((1 << tensor.form.bits) - 1);
  const auto n = static_cast<std::size_t>(scales.size());
  for (std::size_t i = 0; i < n; ++i) {
    const float bias = biases.data<float>()[i];
    const float end = most * scales.data<float>()[i] + bias;
    // The other weights of the group lie between these two.
    if (std::abs(end) <= kLargest && std::abs(bias) <= kLargest) continue;
    fail(ErrorCode::kCorrupt,
         str_cat("expected scales that keep weights finite, got an overflow "
                 "at element ",
                 first + i),
         *source.scales);
  }
}

}  // namespace

AffineForm check_affine(const AffineSource& source,
                        const std::vector<int>& shape,
                        const std::optional<AffineForm>& declared) {
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

AffineTensor read_affine(const AffineSource& source,
                         const std::vector<int>& shape, AffineForm form,
                         std::optional<int> part) {
  std::vector<int> words(shape.begin() + (part ? 1 : 0), shape.end());
  std::vector<int> scales = words;
  words.back() = words.back() / (kWordBits / form.bits);
  scales.back() /= form.group;
  const auto index = static_cast<std::size_t>(part.value_or(0));
  const std::size_t first = index * element_count(scales);
  AffineTensor tensor{
      .form = form,
      .words = read_words(*source.words, index * element_count(words), words),
      .scales = read_scales(*source.scales, first, scales),
      .biases = read_scales(*source.biases, first, scales)};
  check_range(tensor, source, first);
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
