// Elementary functions over the SIMD vocabulary; include inside the namespace
// of an instruction set. Every operation is exactly rounded and in a fixed
// order, so that results are bit-equal everywhere.

inline Lanes smaller(Lanes limit, Lanes x) {  // NaN stays NaN
  return select_less(limit, x, limit, x);
}

inline Lanes larger(Lanes limit, Lanes x) {  // NaN stays NaN
  return select_less(x, limit, limit, x);
}

inline Lanes negate(Lanes x) { return mul(x, splat(-1.0F)); }

/// x = n ln 2 + r with integer n and |r| <= ln(2)/2.
struct ExpParts {
  IntLanes n;
  Lanes expm1_r;  // exp(r) - 1
};

inline ExpParts exp_parts(Lanes x) {
  // Adding 1.5 * 2^23 rounds to an integer, found in the low mantissa bits.
  const Lanes magic = splat(12582912.0F);
  const Lanes shifted = fma(x, splat(1.442695022F), magic);  // 1/ln 2
  const Lanes n = sub(shifted, magic);
  Lanes r = fma(n, splat(-6.931471825e-01F), x);  // ln 2 in two parts
  r = fma(n, splat(1.904654212e-09F), r);
  // (exp(r) - 1 - r) / r^2, minimax, relative error of exp(r) < 2^-34
  Lanes p = splat(1.979024819e-04F);
  p = fma(p, r, splat(1.394475927e-03F));
  p = fma(p, r, splat(8.333497681e-03F));
  p = fma(p, r, splat(4.166629538e-02F));
  p = fma(p, r, splat(1.666666567e-01F));
  p = fma(p, r, splat(0.5F));
  return {int_sub(bits(shifted), bits(magic)), fma(mul(r, r), p, r)};
}

/// 2^n for -126 <= n <= 127.
inline Lanes power_of_two(IntLanes n) {
  return from_bits(shift_left<23>(int_add(n, int_splat(127))));
}

/// e^x within 1 ulp; denormal results included, infinity above 88.72.
inline Lanes exp(Lanes x) {
  const Lanes limited = larger(splat(-104.5F), smaller(splat(89.0F), x));
  const ExpParts e = exp_parts(limited);
  // 2^n in two factors: n reaches from -151 to 128.
  const IntLanes half = shift_right<1>(e.n);
  const Lanes y = add(e.expm1_r, splat(1.0F));
  return mul(mul(y, power_of_two(half)), power_of_two(int_sub(e.n, half)));
}

/// e^x - 1 for x <= 88, within 2 ulp also near 0.
inline Lanes expm1(Lanes x) {
  const ExpParts e = exp_parts(larger(splat(-40.0F), x));
  const Lanes scale = power_of_two(e.n);
  return fma(scale, e.expm1_r, sub(scale, splat(1.0F)));
}

/// x / (1 + e^-x)
inline Lanes silu(Lanes x) { return div(x, add(exp(negate(x)), splat(1.0F))); }

/// x > 0 ? x : e^x - 1
inline Lanes elu(Lanes x) {
  const Lanes limited = smaller(splat(0.0F), x);
  return select_less(zero(), x, x, expm1(limited));
}

/// Phi(-a) = erfc(a / sqrt(2)) / 2 for 0 <= a <= 14.5, relative error < 2^-21.
///
/// exp(-a^2/2) times a polynomial in t = (a - 4) / (a + 4), minimax; the
/// rounding error of a^2 is put back through the derivative.
inline Lanes normal_tail(Lanes a) {
  const Lanes t = div(sub(a, splat(4.0F)), add(a, splat(4.0F)));
  Lanes p = splat(-6.528444646e-05F);
  p = fma(p, t, splat(-1.678252738e-04F));
  p = fma(p, t, splat(6.577626336e-04F));
  p = fma(p, t, splat(5.025510327e-04F));
  p = fma(p, t, splat(-8.497917093e-03F));
  p = fma(p, t, splat(3.086549975e-02F));
  p = fma(p, t, splat(-7.170674205e-02F));
  p = fma(p, t, splat(1.243792027e-01F));
  p = fma(p, t, splat(-1.703977436e-01F));
  p = fma(p, t, splat(9.441064298e-02F));
  const Lanes square = mul(a, a);
  const Lanes lost = fma(a, a, negate(square));
  const Lanes e = exp(mul(square, splat(-0.5F)));
  return mul(p, fma(mul(e, lost), splat(-0.5F), e));
}

/// x Phi(x), the exact (erf) form.
inline Lanes gelu(Lanes x) {
  const Lanes magnitude = select_less(x, zero(), negate(x), x);
  const Lanes tail = normal_tail(smaller(splat(14.5F), magnitude));
  const Lanes phi = select_less(x, zero(), tail, sub(splat(1.0F), tail));
  return mul(x, phi);
}
