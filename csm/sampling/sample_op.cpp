#include "csm/sampling/sample_op.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/thread_pool.h"
#include "csm/sampling/sample_composed_op.h"
#include "csm/sampling/sampler.h"

namespace csm::sampling {
namespace {

std::string shape_text(const mx::array& value) {
  std::string text = "[";
  for (const int extent : value.shape()) {
    text += str_cat(text.size() > 1 ? ", " : "", extent);
  }
  return text + "]";
}

[[noreturn]] void fail(const char* expected, const mx::array& got) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[sampling.sample] expected ", expected, ", got shape ",
                      shape_text(got)));
}

bool is_words(const mx::array& noise) { return noise.dtype() == mx::uint32; }

void require_arguments(const kernels::Exec& exec, const mx::array& logits,
                       const mx::array& noise, const SamplerOptions& options) {
  options.validate();
  if (logits.ndim() != 2 || logits.shape(0) < 1 || logits.shape(1) < 1 ||
      logits.dtype() != mx::float32) {
    fail("logits [N, V] float32", logits);
  }
  if (options.greedy) return;
  const bool words = is_words(noise);
  if (noise.ndim() != 2 || noise.shape(0) != logits.shape(0) ||
      noise.shape(1) != logits.shape(1) * (words ? 2 : 1) ||
      (!words && noise.dtype() != mx::float32)) {
    fail("noise [N, V] float32 or [N, 2 V] uint32", noise);
  }
  if (words && !exec.use_cpu_kernels()) {
    fail("noise [N, V] float32 for composed operations", noise);
  }
}

// Raw pointers of one evaluation; the arrays outlive the task (MLX keeps them).
struct Rows {
  const float* logits;         // [n, vocab]
  const float* values;         // [n, vocab] or null
  const std::uint32_t* words;  // [n, 2 * vocab] or null
  std::int32_t* codes;         // [n]
  std::int32_t* changed;       // [n]
  std::size_t vocab;

  [[nodiscard]] NoiseRow noise(std::size_t row) const {
    if (words != nullptr) {
      return NoiseRow::words({words + row * vocab * 2, vocab * 2});
    }
    if (values != nullptr)
      return NoiseRow::values({values + row * vocab, vocab});
    return NoiseRow::values({});
  }

  void draw(std::size_t row, const SamplerOptions& options) const {
    const Draw drawn =
        draw_code({logits + row * vocab, vocab}, noise(row), options);
    codes[row] = drawn.code;
    changed[row] = drawn.changed ? 1 : 0;
  }
};

// inputs: logits, and noise unless greedy; outputs: codes, changed.
class SampleCodes final : public mx::Primitive {
 public:
  SampleCodes(const kernels::Exec& exec, const SamplerOptions& options)
      : mx::Primitive(exec.stream),
        pool_(exec.pool),
        clock_(exec.clock),
        stage_(exec.stage),
        options_(options) {}

  const char* name() const override { return "SampleCodes"; }

  void eval_gpu(const std::vector<mx::array>& /*inputs*/,
                std::vector<mx::array>& /*outputs*/) override {
    throw Error(ErrorCode::kInternal,
                "[sampling.sample] expected a CPU stream, got a GPU stream");
  }

  void eval_cpu(const std::vector<mx::array>& inputs,
                std::vector<mx::array>& outputs) override {
    auto& encoder = mx::cpu::get_command_encoder(stream());
    for (const mx::array& input : inputs) encoder.set_input_array(input);
    for (mx::array& output : outputs) {
      output.set_data(mx::allocator::malloc(output.nbytes()));
      encoder.set_output_array(output);
    }
    const bool has_noise = inputs.size() > 1;
    const bool words = has_noise && is_words(inputs[1]);
    const Rows rows = {inputs[0].data<float>(),
                       has_noise && !words ? inputs[1].data<float>() : nullptr,
                       words ? inputs[1].data<std::uint32_t>() : nullptr,
                       outputs[0].data<std::int32_t>(),
                       outputs[1].data<std::int32_t>(),
                       static_cast<std::size_t>(inputs[0].shape(1))};
    encoder.dispatch([rows, n = inputs[0].shape(0), pool = pool_,
                      options = options_, clock = clock_, stage = stage_] {
      const kernels::StageTimer timer(clock, stage);
      draw_all(rows, n, pool, options);
    });
  }

 private:
  static void draw_all(const Rows& rows, int n, ThreadPool* pool,
                       const SamplerOptions& options) {
    const auto draw = [&](int row) {
      rows.draw(static_cast<std::size_t>(row), options);
    };
    if (pool != nullptr && n > 1) {
      pool->run(n, draw);
    } else {
      for (int row = 0; row < n; ++row) draw(row);
    }
  }

  ThreadPool* pool_;
  kernels::StageClock* clock_;
  kernels::Stage stage_;
  SamplerOptions options_;
};

}  // namespace

Sampled sample_counted(const kernels::Exec& exec, const mx::array& logits,
                       const mx::array& noise, const SamplerOptions& options) {
  require_arguments(exec, logits, noise, options);
  if (!exec.use_cpu_kernels()) {
    return composed::sample_counted(logits, noise, options, exec.stream);
  }
  std::vector<mx::array> inputs = {mx::contiguous(logits, false, exec.stream)};
  if (!options.greedy) {
    inputs.push_back(mx::contiguous(noise, false, exec.stream));
  }
  const mx::Shape shape = {logits.shape(0), 1};
  const auto outputs = mx::array::make_arrays(
      {shape, shape}, {mx::int32, mx::int32},
      std::make_shared<SampleCodes>(exec, options), inputs);
  return {outputs[0], outputs[1]};
}

mx::array sample(const kernels::Exec& exec, const mx::array& logits,
                 const mx::array& noise, const SamplerOptions& options) {
  return sample_counted(exec, logits, noise, options).codes;
}

}  // namespace csm::sampling
