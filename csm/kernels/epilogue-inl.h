// What is done to 16 sums of a matrix product at once; part of the bodies of
// matmul.cpp and affine_product.cpp.

inline Lanes with_epilogue(const Matmul& m, std::int64_t row, std::int64_t out,
                           Lanes sum) {
  if (m.bias != nullptr) sum = add(sum, load(m.bias + out));
  if (m.scale != nullptr) sum = mul(load(m.scale + out), sum);
  if (m.residual != nullptr) {
    sum = add(load(m.residual + row * m.residual_stride + out), sum);
  }
  return sum;
}

/// The same for the first n of 16 columns.
inline Lanes with_epilogue_first(const Matmul& m, std::int64_t row,
                                 std::int64_t out, int n, Lanes sum) {
  if (m.bias != nullptr) sum = add(sum, load_first(m.bias + out, n));
  if (m.scale != nullptr) sum = mul(load_first(m.scale + out, n), sum);
  if (m.residual != nullptr) {
    sum = add(load_first(m.residual + row * m.residual_stride + out, n), sum);
  }
  return sum;
}

/// Finishes and stores the n outputs of a row from `out` on, at most 16 of
/// them.
inline void store_outs(const Matmul& m, std::int64_t row, std::int64_t out,
                       std::int64_t n, const Lanes& sum) {
  float* y = m.y + row * m.y_stride + out;
  if (n >= kLanes) {
    store(y, with_epilogue(m, row, out, sum));
  } else {
    const int n_first = static_cast<int>(n);
    store_first(y, with_epilogue_first(m, row, out, n_first, sum), n_first);
  }
}
