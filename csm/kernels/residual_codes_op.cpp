#include "csm/kernels/residual_codes_op.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/check_op.h"
#include "csm/kernels/linear_composed_op.h"
#include "csm/kernels/primitive_op.h"
#include "csm/kernels/residual_codes.h"

namespace csm::kernels {
namespace {

using Arrays = std::vector<mx::array>;

/// Inputs: x, entries, squares.
class ResidualCodes final : public CpuPrimitive {
 public:
  ResidualCodes(const Exec& exec, int n_entries)
      : CpuPrimitive(exec, "csm::ResidualCodes"), n_entries_(n_entries) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    ResidualQuantizer q{.x = dense_f32(in[0]),
                        .entries = dense_f32(in[1]),
                        .squares = dense_f32(in[2]),
                        .n_rows = in[0].shape(0),
                        .width = in[0].shape(1),
                        .n_entries = n_entries_,
                        .n_books = out[0].shape(1)};
    static_cast<void>(allocate(out[0]));
    q.codes = out[0].data<std::int32_t>();
    dispatch([q, pool = pool(), isa = isa()] {
      run_quantizer(q, make_scratch(quantizer_scratch(q)).get(), pool, isa);
    });
  }

 private:
  int n_entries_;
};

mx::array composed_codes(const mx::array& x, const ResidualBooks& books,
                         int n_books, const mx::Stream& s) {
  const int n = books.n_entries;
  mx::array left = x;
  Arrays codes;
  for (int book = 0; book < n_books; ++book) {
    const mx::array entries = mx::slice(books.entries, {book * n, 0},
                                        {(book + 1) * n, x.shape(1)}, s);
    const mx::array squares =
        mx::slice(books.squares, {book * n}, {(book + 1) * n}, s);
    const mx::array products = mx::multiply(
        composed::linear(left, Matrix{entries}, s), mx::array(2.0F), s);
    const mx::array own = mx::sum(mx::square(left, s), 1, true, s);
    const mx::array distances =
        mx::add(mx::subtract(own, products, s), squares, s);
    const mx::array code = mx::argmin(distances, 1, false, s);
    left = mx::subtract(left, mx::take(entries, code, 0, s), s);
    codes.push_back(mx::expand_dims(mx::astype(code, mx::int32, s), 1, s));
  }
  return mx::concatenate(std::move(codes), 1, s);
}

}  // namespace

mx::array squared_lengths(const mx::array& rows) {
  require_array("squared_lengths", "rows", rows, {kAnyExtent, kAnyExtent});
  const mx::Stream s = mx::default_stream(mx::Device::cpu);
  mx::array dense = mx::contiguous(rows, false, s);
  dense.eval();
  const std::int64_t width = rows.shape(1);
  std::vector<float> sums;
  for (std::int64_t row = 0; row < rows.shape(0); ++row) {
    sums.push_back(squared_length(dense.data<float>() + row * width, width));
  }
  return mx::array(sums.data(), {rows.shape(0)}, mx::float32);
}

mx::array residual_codes(const Exec& exec, const mx::array& x,
                         const ResidualBooks& books, int n_books) {
  constexpr const char* kOp = "residual_codes";
  require_array(kOp, "x", x, {kAnyExtent, kAnyExtent});
  require_at_least(kOp, "n_books", n_books, 1);
  require_at_least(kOp, "n_entries", books.n_entries, 1);
  require_array(kOp, "entries", books.entries, {kAnyExtent, x.shape(1)});
  require_array(kOp, "squares", books.squares, {books.entries.shape(0)});
  if (n_books > books.n_books()) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.residual_codes] expected n_books <= ",
                        books.n_books(), ", got ", n_books));
  }
  if (!exec.use_cpu_kernels()) {
    return composed_codes(x, books, n_books, exec.stream);
  }
  return run_primitive(
      exec, std::make_shared<ResidualCodes>(exec, books.n_entries),
      {x.shape(0), n_books}, mx::int32, {x, books.entries, books.squares});
}

}  // namespace csm::kernels
