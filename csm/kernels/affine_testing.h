#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/kernels/input_codes.h"
#include "csm/kernels/kernel_testing.h"
#include "csm/kernels/matmul.h"

// Helpers of the tests of integer weights.
namespace csm::kernels::testing {

/// A form of integer weights.
struct AffineForm {
  WeightType type;
  GroupFormat format;
};

inline std::vector<AffineForm> all_affine_forms() {
  std::vector<AffineForm> forms;
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    for (const int group : {32, 64, 128}) {
      for (const ScaleType scales :
           {ScaleType::kBfloat16, ScaleType::kFloat32}) {
        forms.push_back({type, {group, scales}});
      }
    }
  }
  return forms;
}

inline std::size_t as_size(std::int64_t n) {
  return static_cast<std::size_t>(n);
}

/// Quantised weights in rows and in tiles.
class AffineMatrix {
 public:
  AffineMatrix(const AffineForm& form, std::int64_t n_out, std::int64_t n_in,
               const std::vector<float>& w)
      : form_(form),
        n_out_(n_out),
        n_in_(n_in),
        words_(as_size(n_out * n_in * bits_of(form.type) / 32)),
        scales_(as_size(n_out * n_in / form.format.group)),
        biases_(scales_.size()),
        tiles_(affine_tiles_bytes(form.type, form.format, n_out, n_in) + 1) {
    quantize_rows(w.data(), form.type, form.format, n_out, n_in,
                  {words_.data(), scales_.data(), biases_.data()}, nullptr);
    pack_tiles(rows(), form.format.scales, tiles_.data() + 1);
  }

  [[nodiscard]] AffineRows rows() const {
    return {.words = words_.data(),
            .scales = scales_.data(),
            .biases = biases_.data(),
            .type = form_.type,
            .group = form_.format.group,
            .n_out = n_out_,
            .n_in = n_in_};
  }

  /// At an odd address.
  [[nodiscard]] const std::byte* tiles() const { return tiles_.data() + 1; }
  [[nodiscard]] std::int64_t n_out() const { return n_out_; }
  [[nodiscard]] std::int64_t n_in() const { return n_in_; }
  [[nodiscard]] const AffineForm& form() const { return form_; }

  /// The weight that the integers stand for.
  [[nodiscard]] double value(std::int64_t out, std::int64_t in) const {
    const std::int64_t row_words = n_in_ * bits_of(form_.type) / 32;
    const std::size_t at = as_size((out * n_in_ + in) / form_.format.group);
    const auto q = static_cast<double>(
        affine_element(words_.data() + out * row_words, form_.type, in));
    return static_cast<double>(scales_[at]) * q +
           static_cast<double>(biases_[at]);
  }

  /// y = x w^T for n_rows dense rows of x, without epilogue.
  [[nodiscard]] Matmul product(std::int64_t n_rows, float* y) const {
    return {.w = tiles(),
            .type = form_.type,
            .n_rows = n_rows,
            .n_out = n_out_,
            .n_in = n_in_,
            .y = y,
            .y_stride = n_out_,
            .format = form_.format};
  }

  /// The codes of n_rows dense rows.
  [[nodiscard]] std::vector<std::byte> codes(const float* x,
                                             std::int64_t n_rows, Isa isa,
                                             ThreadPool* pool = nullptr) const {
    std::vector<std::byte> codes(
        as_size(n_rows * code_stride(n_in_, form_.format.group)));
    code_inputs({.x = x,
                 .x_stride = n_in_,
                 .n_rows = n_rows,
                 .n_in = n_in_,
                 .type = form_.type,
                 .group = form_.format.group,
                 .codes = codes.data()},
                pool, isa);
    return codes;
  }

  [[nodiscard]] std::vector<float> multiply(const std::vector<float>& x,
                                            Isa isa) const {
    const std::int64_t n_rows = static_cast<std::int64_t>(x.size()) / n_in_;
    std::vector<float> y(as_size(n_rows * n_out_));
    Matmul m = product(n_rows, y.data());
    const auto coded = codes(x.data(), n_rows, isa);
    m.codes = coded.data();
    matmul(m, nullptr, isa);
    return y;
  }

 private:
  AffineForm form_;
  std::int64_t n_out_;
  std::int64_t n_in_;
  std::vector<std::uint32_t> words_;
  std::vector<float> scales_;
  std::vector<float> biases_;
  std::vector<std::byte> tiles_;
};

}  // namespace csm::kernels::testing
