#pragma once

#include <optional>
#include <span>

#include "csm/kernels/exec_op.h"
#include "csm/sampling/sampler_options.h"

namespace csm::sampling {

/// The codes of N rows and what codec safety did to them.
struct Sampled {
  mx::array codes;    // [N, 1] int32, in [0, V), or kBadLogits
  mx::array changed;  // [N, 1] int32, 1 where Draw::changed
};

/// draw_code for every row, as a node of the lazy graph.
///
/// logits   [N, V] float32
/// noise    [N, V] float32: Exp(1) values (draw_frame_noise), or
///          [N, 2 V] uint32: raw words (draw_frame_words; CPU kernels only,
///          same codes, fewer logarithms). Any array when greedy: not read.
/// options  validated here; top_k is clamped
/// returns  kBadLogits (-1) in codes for a row that PyTorch would refuse. The
///          caller looks for it after eval and throws kBackend.
///
/// On the CPU one primitive over draw_code; composed, and on a GPU, MLX
/// operations with the same rounding points, which may differ from it in the
/// last bit of an exponential.
/// Throws: Error{kInvalidArgument} on a wrong shape, dtype or option.
/// Threads: engine thread only.
[[nodiscard]] Sampled sample_counted(const kernels::Exec& exec,
                                     const mx::array& logits,
                                     const mx::array& noise,
                                     const SamplerOptions& options);

/// How one row of a batch is drawn.
struct RowDraw {
  SamplerOptions options;
  /// [R, V] float32 or [R, 2 V] uint32 as above, for example of a whole frame;
  /// none for greedy.
  std::optional<mx::array> noise;
  int noise_row = 0;  ///< the row of `noise` that this draw uses
};

/// sample_counted with options and noise of its own for each row.
///
/// logits  [N, V] float32
/// rows    N of them
[[nodiscard]] Sampled sample_rows(const kernels::Exec& exec,
                                  const mx::array& logits,
                                  std::span<const RowDraw> rows);

/// The codes of sample_counted alone.
[[nodiscard]] mx::array sample(const kernels::Exec& exec,
                               const mx::array& logits, const mx::array& noise,
                               const SamplerOptions& options);

}  // namespace csm::sampling
