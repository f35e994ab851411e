#include "csm/kernels/embedding_op.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "csm/kernels/check_op.h"
#include "csm/kernels/embedding.h"
#include "csm/kernels/primitive_op.h"

namespace csm::kernels {
namespace {

using Arrays = std::vector<mx::array>;

/// Inputs: table, ids.
class EmbeddingSumNode final : public CpuPrimitive {
 public:
  EmbeddingSumNode(const Exec& exec, int column_stride)
      : CpuPrimitive(exec, "csm::EmbeddingSum"),
        column_stride_(column_stride) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const EmbeddingSum e{.table = dense(in[0]),
                         .type = weight_type(in[0]),
                         .n_table_rows = in[0].shape(0),
                         .width = in[0].shape(1),
                         .ids = static_cast<const std::int32_t*>(dense(in[1])),
                         .n_rows = in[1].shape(0),
                         .n_columns = in[1].shape(1),
                         .column_stride = column_stride_,
                         .y = allocate(out[0])};
    dispatch([e, pool = pool()] {
      parallel_for(pool, e.n_rows, e.n_rows * e.n_columns * e.width,
                   [&](Range rows) { embedding_sum_rows(e, rows); });
    });
  }

 private:
  int column_stride_;
};

/// Input: codes.
class CodebookRows final : public CpuPrimitive {
 public:
  CodebookRows(const Exec& exec, const CodebookColumns& columns)
      : CpuPrimitive(exec, "csm::CodebookRows"), columns_(columns) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const auto* codes = static_cast<const std::int32_t*>(dense(in[0]));
    static_cast<void>(allocate(out[0]));
    auto* rows = out[0].data<std::int32_t>();
    dispatch([codes, rows, n_rows = in[0].shape(0), width = in[0].shape(1),
              c = columns_] {
      const std::int32_t* code_row = codes;
      std::int32_t* to = rows;
      for (int row = 0; row < n_rows; ++row, code_row += width) {
        for (int column = c.first; column < c.last; ++column) {
          const std::int32_t code = code_row[column];
          const bool exists = code >= 0 && code < c.n_entries;
          *to++ = exists ? column * c.n_entries + code : c.no_row;
        }
      }
    });
  }

 private:
  CodebookColumns columns_;
};

mx::array composed_rows(const mx::array& codes, const CodebookColumns& c,
                        const mx::Stream& s) {
  const mx::array used =
      mx::slice(codes, {0, c.first}, {codes.shape(0), c.last}, s);
  const mx::array exists =
      mx::logical_and(mx::greater_equal(used, mx::array(0), s),
                      mx::less(used, mx::array(c.n_entries), s), s);
  const mx::array first_rows = mx::multiply(mx::arange(c.first, c.last, 1, s),
                                            mx::array(c.n_entries), s);
  return mx::where(exists, mx::add(used, first_rows, s), mx::array(c.no_row),
                   s);
}

mx::array composed_sum(const mx::array& table, const mx::array& ids,
                       int column_stride, const mx::Stream& s) {
  const mx::array offsets = mx::multiply(mx::arange(0, ids.shape(1), 1, s),
                                         mx::array(column_stride), s);
  const mx::array numbers = mx::add(ids, offsets, s);  // [N, C]
  const mx::array last(table.shape(0) - 1);
  const mx::array rows =
      mx::take(table, mx::clip(numbers, mx::array(0), last, s), 0, s);
  const mx::array inside = mx::all(
      mx::logical_and(mx::greater_equal(numbers, mx::array(0), s),
                      mx::less(numbers, mx::array(table.shape(0)), s), s),
      1, true, s);
  const mx::array sums = mx::sum(mx::astype(rows, mx::float32, s), 1, false, s);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return mx::where(inside, sums, mx::array(nan), s);
}

}  // namespace

mx::array embedding_sum(const Exec& exec, const mx::array& table,
                        const mx::array& ids, int column_stride) {
  require_array("embedding_sum", "table", table, {kAnyExtent, kAnyExtent},
                Accept::kFloat32OrBfloat16);
  require_array("embedding_sum", "ids", ids, {kAnyExtent, kAnyExtent},
                Accept::kInt32);
  require_at_least("embedding_sum", "column_stride", column_stride, 0);
  if (exec.use_cpu_kernels()) {
    return run_primitive(
        exec, std::make_shared<EmbeddingSumNode>(exec, column_stride),
        {ids.shape(0), table.shape(1)}, mx::float32, {table, ids});
  }
  return composed_sum(table, ids, column_stride, exec.stream);
}

mx::array codebook_rows(const Exec& exec, const mx::array& codes,
                        const CodebookColumns& columns) {
  constexpr const char* kOp = "codebook_rows";
  require_array(kOp, "codes", codes, {kAnyExtent, kAnyExtent}, Accept::kInt32);
  require_at_least(kOp, "columns.first", columns.first, 0);
  require_at_least(kOp, "columns.last", columns.last, columns.first + 1);
  require_at_least(kOp, "columns of codes", codes.shape(1), columns.last);
  if (exec.use_cpu_kernels()) {
    return run_primitive(exec, std::make_shared<CodebookRows>(exec, columns),
                         {codes.shape(0), columns.last - columns.first},
                         mx::int32, {codes});
  }
  return composed_rows(codes, columns, exec.stream);
}

}  // namespace csm::kernels
