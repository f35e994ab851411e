#pragma once

namespace csm {

/// The next multiple of `unit`, which is not zero. No overflow is looked for.
template <class T>
[[nodiscard]] constexpr T round_up(T value, T unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace csm
