// Body of input_codes.cpp, compiled once per instruction set
// (for_each_dot_isa.inc).

/// Codes one group; stores its scale and the sum of its codes at `scales`.
template <bool kInt4>
inline void code_group(const float* x, int group, std::byte* codes,
                       float* scales) {
  constexpr float kLimit = kInt4 ? 127.0F : 16319.0F;
  constexpr float kSmallest = 0x1p-100F;
  // Adding it to a number of at most 22 bits rounds that to an integer, ties
  // to even, in the lower bits of the sum.
  const Lanes magic = splat(0x1.8p23F);
  Lanes largest = zero();
  Lanes poison = zero();  // NaN once an input is NaN or infinite
  for (int i = 0; i < group; i += kLanes) {
    const Lanes v = load(x + i);
    const Lanes magnitude = abs(v);
    largest = select_less(largest, magnitude, magnitude, largest);
    poison = fma(v, zero(), poison);
  }
  const float max = reduce_max(largest);
  const bool counts = max >= kSmallest;
  const Lanes inverse = splat(counts ? kLimit / max : 0.0F);
  Lanes sum = zero();  // of integers below 2^24, hence exact
  for (int i = 0; i < group; i += kLanes) {
    const Lanes shifted = add(mul(load(x + i), inverse), magic);
    sum = add(sum, sub(shifted, magic));
    const IntLanes code = int_sub(bits(shifted), bits(magic));
    if constexpr (kInt4) {
      store_codes4(codes, group, i, code);
    } else {
      store_codes8(codes, group, i, code);
    }
  }
  scales[0] = (counts ? max / kLimit : 0.0F) + reduce_add(poison);
  scales[1] = reduce_add(sum);
}

template <bool kInt4>
inline void code_row(const InputCoding& c, std::int64_t row, Range groups) {
  constexpr int kBytes = kInt4 ? kCodeBytes4 : 2;
  std::byte* codes = c.codes + row * code_stride(c.n_in, c.group);
  float* scales =
      static_cast<float*>(static_cast<void*>(codes + kBytes * c.n_in));
  const float* x = c.x + row * c.x_stride;
  for (std::int64_t g = groups.begin; g < groups.end; ++g) {
    code_group<kInt4>(x + (g - c.first_group) * c.group, c.group,
                      codes + kBytes * c.group * g, scales + 2 * g);
  }
}

inline void code_rows(const InputCoding& c, Range rows, Range groups) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    if (c.type == WeightType::kInt4) {
      code_row<true>(c, row, groups);
    } else {
      code_row<false>(c, row, groups);
    }
  }
}
