// Part of affine.cpp, compiled once per instruction set.

/// What the nearest steps for a scale and bias come to in a group, a multiple
/// of 16 finite values: five sums, in the order of affine.cpp's Trial.
inline void affine_trial(const float* w, int group, float scale, float bias,
                         float n_steps, float* sums) {
  const Lanes scales = splat(scale);
  const Lanes biases = splat(bias);
  const Lanes inverse = splat(1.0F / scale);
  const Lanes top = splat(n_steps);
  const Lanes magic = splat(0x1.8p23F);  // one unit is one in the last place
  Lanes error = zero();
  Lanes q = zero();
  Lanes q_q = zero();
  Lanes w_sum = zero();
  Lanes w_q = zero();
  for (int i = 0; i < group; i += kLanes) {
    const Lanes value = load(w + i);
    Lanes x = mul(sub(value, biases), inverse);
    x = select_less(x, zero(), zero(), x);
    x = select_less(top, x, top, x);
    const Lanes step = sub(add(x, magic), magic);
    const Lanes off = sub(add(mul(scales, step), biases), value);
    error = add(error, mul(off, off));
    q = add(q, step);
    q_q = add(q_q, mul(step, step));
    w_sum = add(w_sum, value);
    w_q = add(w_q, mul(value, step));
  }
  sums[0] = reduce_add(error);
  sums[1] = reduce_add(q);
  sums[2] = reduce_add(q_q);
  sums[3] = reduce_add(w_sum);
  sums[4] = reduce_add(w_q);
}
