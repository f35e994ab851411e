#include "csm/sampling/sample_op.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/thread_pool.h"
#include "csm/kernels/primitive_op.h"
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

void require_logits(const mx::array& logits) {
  if (logits.ndim() != 2 || logits.shape(0) < 1 || logits.shape(1) < 1 ||
      logits.dtype() != mx::float32) {
    fail("logits [N, V] float32", logits);
  }
}

void require_noise(const kernels::Exec& exec, const mx::array& noise,
                   int vocab) {
  const bool words = is_words(noise);
  if (noise.ndim() != 2 || noise.shape(1) != vocab * (words ? 2 : 1) ||
      (!words && noise.dtype() != mx::float32)) {
    fail("noise [N, V] float32 or [N, 2 V] uint32", noise);
  }
  if (words && !exec.use_cpu_kernels()) {
    fail("noise [N, V] float32 for composed operations", noise);
  }
}

void require_rows(const kernels::Exec& exec, const mx::array& logits,
                  std::span<const RowDraw> rows) {
  require_logits(logits);
  if (rows.size() != static_cast<std::size_t>(logits.shape(0))) {
    fail(str_cat("logits of ", rows.size(), " rows").c_str(), logits);
  }
  for (const RowDraw& row : rows) {
    row.options.validate();
    if (row.options.greedy) continue;
    if (!row.noise) {
      throw Error(ErrorCode::kInvalidArgument,
                  "[sampling.sample] expected noise or greedy, got neither");
    }
    require_noise(exec, *row.noise, logits.shape(1));
    if (row.noise_row < 0 || row.noise_row >= row.noise->shape(0)) {
      fail(str_cat("a noise with a row ", row.noise_row).c_str(), *row.noise);
    }
  }
}

// Where a row's noise is among the inputs of a node.
struct NoisePlace {
  std::size_t input = 0;  // 0: none
  int row = 0;
};

// One row to draw. Raw pointers of one evaluation; the arrays outlive the task
// (MLX keeps them).
struct RowTask {
  const float* logits;  // [vocab]
  std::size_t vocab;
  NoiseRow noise;
  const SamplerOptions* options;
  std::int32_t* code;
  std::int32_t* changed;

  void run() const {
    const Draw drawn = draw_code({logits, vocab}, noise, *options);
    *code = drawn.code;
    *changed = drawn.changed ? 1 : 0;
  }
};

// Inputs: logits, then the noises; outputs: codes, changed.
class SampleCodes final : public kernels::CpuPrimitive {
 public:
  SampleCodes(const kernels::Exec& exec, std::vector<SamplerOptions> options,
              std::vector<NoisePlace> places)
      : CpuPrimitive(exec, "csm::SampleCodes"),
        options_(std::make_shared<const std::vector<SamplerOptions>>(
            std::move(options))),
        places_(std::move(places)) {}

  void eval_cpu(const std::vector<mx::array>& inputs,
                std::vector<mx::array>& outputs) override {
    for (mx::array& output : outputs) static_cast<void>(allocate(output));
    const float* logits = dense_f32(inputs[0]);
    const auto vocab = static_cast<std::size_t>(inputs[0].shape(1));
    std::vector<RowTask> tasks;
    for (std::size_t row = 0; row < options_->size(); ++row) {
      tasks.push_back({.logits = logits + row * vocab,
                       .vocab = vocab,
                       .noise = noise_row(inputs, places_[row]),
                       .options = &(*options_)[row],
                       .code = outputs[0].data<std::int32_t>() + row,
                       .changed = outputs[1].data<std::int32_t>() + row});
    }
    dispatch([tasks = std::move(tasks), keep = options_, pool = pool()] {
      draw_all(tasks, pool);
    });
  }

 private:
  static void draw_all(std::span<const RowTask> tasks, ThreadPool* pool) {
    if (pool != nullptr && tasks.size() > 1) {
      pool->run(static_cast<int>(tasks.size()),
                [&](int row) { tasks[static_cast<std::size_t>(row)].run(); });
    } else {
      for (const RowTask& task : tasks) task.run();
    }
  }

  /// The row of a noise at its place; nothing where there is none.
  NoiseRow noise_row(const std::vector<mx::array>& inputs,
                     const NoisePlace& at) {
    if (at.input == 0) return NoiseRow::values({});
    const mx::array& noise = inputs[at.input];
    const void* values = dense(noise);
    const auto width = static_cast<std::size_t>(noise.shape(1));
    const std::size_t first = static_cast<std::size_t>(at.row) * width;
    if (is_words(noise)) {
      return NoiseRow::words(
          {static_cast<const std::uint32_t*>(values) + first, width});
    }
    return NoiseRow::values({static_cast<const float*>(values) + first, width});
  }

  std::shared_ptr<const std::vector<SamplerOptions>> options_;  // of each row
  std::vector<NoisePlace> places_;                              // of each row
};

Sampled sample_node(const kernels::Exec& exec, std::vector<mx::array> inputs,
                    std::vector<SamplerOptions> options,
                    std::vector<NoisePlace> places) {
  const mx::Shape shape = {inputs[0].shape(0), 1};
  const auto outputs =
      kernels::run_primitive(exec,
                             std::make_shared<SampleCodes>(
                                 exec, std::move(options), std::move(places)),
                             {shape, shape}, {mx::int32, mx::int32}, inputs);
  return {outputs[0], outputs[1]};
}

// Rows [first, last) of a batch, which have the same options.
Sampled composed_run(const mx::array& logits, std::span<const RowDraw> rows,
                     int first, int last, const mx::Stream& s) {
  const int vocab = logits.shape(1);
  std::vector<mx::array> noises;
  for (int row = first; row < last; ++row) {
    const RowDraw& draw = rows[static_cast<std::size_t>(row)];
    if (draw.options.greedy) continue;
    noises.push_back(mx::slice(*draw.noise, {draw.noise_row, 0},
                               {draw.noise_row + 1, vocab}, s));
  }
  const mx::array noise =
      noises.empty() ? logits : mx::concatenate(std::move(noises), 0, s);
  return composed::sample_counted(
      mx::slice(logits, {first, 0}, {last, vocab}, s), noise,
      rows[static_cast<std::size_t>(first)].options, s);
}

Sampled composed_rows(const mx::array& logits, std::span<const RowDraw> rows,
                      const mx::Stream& s) {
  std::vector<mx::array> codes;
  std::vector<mx::array> changed;
  for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
    while (last < rows.size() && rows[last].options == rows[first].options) {
      ++last;
    }
    const Sampled run = composed_run(logits, rows, static_cast<int>(first),
                                     static_cast<int>(last), s);
    codes.push_back(run.codes);
    changed.push_back(run.changed);
  }
  return {mx::concatenate(std::move(codes), 0, s),
          mx::concatenate(std::move(changed), 0, s)};
}

}  // namespace

Sampled sample_counted(const kernels::Exec& exec, const mx::array& logits,
                       const mx::array& noise, const SamplerOptions& options) {
  require_logits(logits);
  if (!options.greedy &&
      (noise.ndim() != 2 || noise.shape(0) != logits.shape(0))) {
    fail("noise [N, V] float32 or [N, 2 V] uint32", noise);
  }
  std::vector<RowDraw> rows(static_cast<std::size_t>(logits.shape(0)),
                            {.options = options, .noise = std::nullopt});
  if (!options.greedy) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      rows[row].noise = noise;
      rows[row].noise_row = static_cast<int>(row);
    }
  }
  return sample_rows(exec, logits, rows);
}

Sampled sample_rows(const kernels::Exec& exec, const mx::array& logits,
                    std::span<const RowDraw> rows) {
  require_rows(exec, logits, rows);
  if (!exec.use_cpu_kernels()) return composed_rows(logits, rows, exec.stream);
  std::vector<mx::array> inputs = {logits};
  std::vector<SamplerOptions> options;
  std::vector<NoisePlace> places;
  for (const RowDraw& row : rows) {
    NoisePlace place;
    if (!row.options.greedy) {
      inputs.push_back(*row.noise);
      place = {.input = inputs.size() - 1, .row = row.noise_row};
    }
    options.push_back(row.options);
    places.push_back(place);
  }
  return sample_node(exec, std::move(inputs), std::move(options),
                     std::move(places));
}

mx::array sample(const kernels::Exec& exec, const mx::array& logits,
                 const mx::array& noise, const SamplerOptions& options) {
  return sample_counted(exec, logits, noise, options).codes;
}

}  // namespace csm::sampling
