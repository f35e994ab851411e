#include "csm/kernels/rows_op.h"

#include <mlx/allocator.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace csm::kernels {
namespace {

/// True if the elements of x lie in memory, dense, and may be used at once.
bool lies_dense(const Exec& exec, const mx::array& x) {
  if (!exec.runs_at_once()) return false;
  if (!x.is_available()) {
    mx::array lazy = x;
    lazy.eval();
  }
  return x.flags().row_contiguous;
}

bool lie_dense(const Exec& exec, const std::vector<mx::array>& xs) {
  return std::all_of(xs.begin(), xs.end(),
                     [&](const mx::array& x) { return lies_dense(exec, x); });
}

/// A part of x, from element `first`, as a dense array.
mx::array view(const mx::array& x, mx::Shape shape, std::size_t first) {
  mx::array out(std::move(shape), x.dtype(), nullptr, {});
  mx::Strides strides(out.shape().size(), 1);
  int longest = 1;
  for (std::size_t axis = strides.size(); axis-- > 0;) {
    const int extent = out.shape()[axis];
    longest = std::max(longest, extent);
    if (axis > 0) strides[axis - 1] = strides[axis] * extent;
  }
  auto flags = x.flags();
  flags.contiguous = flags.row_contiguous = true;
  flags.col_contiguous = out.size() == static_cast<std::size_t>(longest);
  out.copy_shared_buffer(x, strides, flags, out.size(),
                         static_cast<std::int64_t>(first));
  out.set_status(mx::array::Status::available);
  return out;
}

mx::Shape with_rows(const mx::array& x, int n_rows) {
  mx::Shape shape = x.shape();
  shape[0] = n_rows;
  return shape;
}

}  // namespace

mx::array new_array(mx::Shape shape, mx::Dtype dtype) {
  mx::array out(std::move(shape), dtype, nullptr, {});
  out.set_data(mx::allocator::malloc(out.nbytes()));
  out.set_status(mx::array::Status::available);
  return out;
}

mx::array zeros(const Exec& exec, const mx::Shape& shape) {
  if (!exec.runs_at_once()) return mx::zeros(shape, mx::float32, exec.stream);
  mx::array out = new_array(shape, mx::float32);
  std::memset(out.data<std::byte>(), 0, out.nbytes());
  return out;
}

mx::array slice_rows(const Exec& exec, const mx::array& x, int first,
                     int last) {
  if (first == 0 && last == x.shape(0)) return x;
  if (lies_dense(exec, x)) {
    const std::size_t width = x.size() / static_cast<std::size_t>(x.shape(0));
    return view(x, with_rows(x, last - first),
                static_cast<std::size_t>(first) * width);
  }
  mx::Shape begin(x.shape().size(), 0);
  begin[0] = first;
  return mx::slice(x, begin, with_rows(x, last), exec.stream);
}

std::vector<mx::array> split_rows(const Exec& exec, const mx::array& x, int n) {
  const int n_rows = x.shape(0) / n;
  std::vector<mx::array> parts;
  for (int part = 0; part < n; ++part) {
    parts.push_back(slice_rows(exec, x, part * n_rows, (part + 1) * n_rows));
  }
  return parts;
}

mx::array join_rows(const Exec& exec, std::vector<mx::array> xs) {
  if (xs.size() == 1) return std::move(xs[0]);
  if (!lie_dense(exec, xs)) {
    return mx::concatenate(std::move(xs), 0, exec.stream);
  }
  const StageTimer timer(exec.clock, exec.stage);
  int n_rows = 0;
  for (const mx::array& x : xs) n_rows += x.shape(0);
  mx::array out = new_array(with_rows(xs[0], n_rows), xs[0].dtype());
  auto* to = out.data<std::byte>();
  for (const mx::array& x : xs) {
    std::memcpy(to, x.data<std::byte>(), x.nbytes());
    to += x.nbytes();
  }
  return out;
}

mx::array join_columns(const Exec& exec, std::vector<mx::array> columns) {
  if (!lie_dense(exec, columns)) {
    return mx::concatenate(std::move(columns), 1, exec.stream);
  }
  const StageTimer timer(exec.clock, exec.stage);
  const int n_rows = columns[0].shape(0);
  const std::size_t item = columns[0].itemsize();
  mx::array out =
      new_array({n_rows, static_cast<int>(columns.size())}, columns[0].dtype());
  auto* to = out.data<std::byte>();
  for (std::size_t row = 0; row < static_cast<std::size_t>(n_rows); ++row) {
    for (const mx::array& column : columns) {
      std::memcpy(to, column.data<std::byte>() + row * item, item);
      to += item;
    }
  }
  return out;
}

mx::array reshaped(const Exec& exec, const mx::array& x,
                   const mx::Shape& shape) {
  if (shape == x.shape()) return x;
  return lies_dense(exec, x) ? view(x, shape, 0)
                             : mx::reshape(x, shape, exec.stream);
}

}  // namespace csm::kernels
