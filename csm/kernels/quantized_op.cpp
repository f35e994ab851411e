#include "csm/kernels/quantized_op.h"

#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/affine_tiles.h"
#include "csm/kernels/check_op.h"

namespace csm::kernels {
namespace {

mx::Stream cpu() { return mx::default_stream(mx::Device(mx::Device::cpu)); }

/// Evaluated and row-major.
mx::array dense_array(const mx::array& x, mx::Dtype type) {
  mx::array out = mx::contiguous(mx::astype(x, type, cpu()), false, cpu());
  out.eval();
  return out;
}

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[kernels.quantized] " + message);
}

void require_group(int group) {
  if (group != 32 && group != 64 && group != 128) {
    invalid(str_cat("expected groups of 32, 64 or 128, got ", group));
  }
}

void require_columns(int in, int group) {
  if (in % group != 0) {
    invalid(str_cat("expected a multiple of ", group, " columns, got ", in));
  }
}

bool is_scale_type(mx::Dtype type) {
  return type == mx::float32 || type == mx::bfloat16 || type == mx::float16;
}

void require_scales(std::string_view name, const mx::array& got, int out,
                    int n_groups) {
  if (is_scale_type(got.dtype()) && got.shape() == mx::Shape{out, n_groups}) {
    return;
  }
  invalid(str_cat("expected ", name, " of shape [", out, ", ", n_groups,
                  "] and type float32, bfloat16 or float16, got ", got.shape(),
                  " ", got.dtype()));
}

}  // namespace

bool fits_groups(GroupFormat format, int in) { return in % format.group == 0; }

Matrix quantize_matrix(const mx::array& w, WeightType type, GroupFormat format,
                       ThreadPool* pool) {
  require_array("quantize_matrix", "w", w, {kAnyExtent, kAnyExtent},
                Accept::kFloat32OrBfloat16);
  if (!is_integer(type)) invalid("expected an integer type of weights");
  require_group(format.group);
  const int out = w.shape(0);
  const int in = w.shape(1);
  require_columns(in, format.group);
  const mx::array values = dense_array(w, mx::float32);
  const int n_groups = in / format.group;
  mx::array words =
      mx::zeros({out, in * bits_of(type) / 32}, mx::uint32, cpu());
  mx::array scales = mx::zeros({out, n_groups}, mx::float32, cpu());
  mx::array biases = mx::zeros({out, n_groups}, mx::float32, cpu());
  for (mx::array* a : {&words, &scales, &biases}) {
    *a = dense_array(*a, a->dtype());
  }
  quantize_rows(
      values.data<float>(), type, format, out, in,
      {words.data<std::uint32_t>(), scales.data<float>(), biases.data<float>()},
      pool);
  if (format.scales == ScaleType::kBfloat16) {
    // Exact: they are numbers of bfloat16 already.
    scales = dense_array(scales, mx::bfloat16);
    biases = dense_array(biases, mx::bfloat16);
  }
  return affine_matrix(words, scales, biases, bits_of(type), format.group);
}

Matrix affine_matrix(const mx::array& words, const mx::array& scales,
                     const mx::array& biases, int bits, int group) {
  if (bits != 4 && bits != 8) {
    invalid(str_cat("expected 4 or 8 bits, got ", bits));
  }
  require_group(group);
  if (words.ndim() != 2 || words.dtype() != mx::uint32 || words.size() == 0) {
    invalid(str_cat("expected words of shape [n, m] and type uint32, got ",
                    words.shape(), " ", words.dtype()));
  }
  const int out = words.shape(0);
  const int in = words.shape(1) * (32 / bits);
  require_columns(in, group);
  require_scales("scales", scales, out, in / group);
  require_scales("biases", biases, out, in / group);
  const WeightType type = bits == 4 ? WeightType::kInt4 : WeightType::kInt8;
  const bool half =
      scales.dtype() == mx::bfloat16 && biases.dtype() == mx::bfloat16;
  return {.data = words,
          .affine = Affine{.type = type,
                           .format = {group, half ? ScaleType::kBfloat16
                                                  : ScaleType::kFloat32},
                           .out = out,
                           .in = in,
                           .scales = scales,
                           .biases = biases}};
}

std::size_t tiled_bytes(const Matrix& rows) {
  const Affine& a = rows.affine.value();
  return affine_tiles_bytes(a.type, a.format, a.out, a.in);
}

Matrix tile_matrix(const Matrix& rows, mx::array memory) {
  if (!rows.affine || rows.affine->is_tiled()) {
    invalid("expected an integer matrix in rows, got another");
  }
  if (memory.dtype() != mx::uint8 || memory.size() != tiled_bytes(rows) ||
      !memory.is_available()) {
    invalid(str_cat("expected memory of ", tiled_bytes(rows), " uint8, got ",
                    memory.size(), " ", memory.dtype()));
  }
  Affine affine = *rows.affine;
  const mx::array words = dense_array(rows.data, mx::uint32);
  const mx::array scales = dense_array(*affine.scales, mx::float32);
  const mx::array biases = dense_array(*affine.biases, mx::float32);
  pack_tiles({.words = words.data<std::uint32_t>(),
              .scales = scales.data<float>(),
              .biases = biases.data<float>(),
              .type = affine.type,
              .group = affine.format.group,
              .n_out = affine.out,
              .n_in = affine.in},
             affine.format.scales, memory.data<std::byte>());
  affine.scales.reset();
  affine.biases.reset();
  return {.data = std::move(memory), .affine = std::move(affine)};
}

void require_affine(std::string_view op, std::string_view name, const Matrix& w,
                    int out, int in, bool tiled) {
  const Affine& a = *w.affine;
  if ((out != kAnyExtent && a.out != out) || (in != kAnyExtent && a.in != in)) {
    const auto text = [](int extent) {
      return extent == kAnyExtent ? std::string("n >= 1")
                                  : std::to_string(extent);
    };
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.", op, "] expected ", name, " of shape [",
                        text(out), ", ", text(in), "], got [", a.out, ", ",
                        a.in, "] of integers"));
  }
  if (a.is_tiled() != tiled) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.", op, "] expected ", name, " in ",
                        tiled ? "tiles, which CPU kernels take"
                              : "rows, which MLX's operations take",
                        ", got ", tiled ? "rows" : "tiles"));
  }
  const bool fits =
      tiled ? w.data.dtype() == mx::uint8 && w.data.size() == tiled_bytes(w)
            : w.data.dtype() == mx::uint32;
  if (!fits) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.", op, "] expected ", name,
                        " with data of its integers, got ", w.data.size(), " ",
                        w.data.dtype()));
  }
}

}  // namespace csm::kernels
