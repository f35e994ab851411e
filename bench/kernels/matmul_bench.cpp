// Speed of matrix products with weights that come from memory, against the read
// bandwidth that the same process measures right before and behind.
//
//   kernels_bench [--threads=N] [Google Benchmark's options]
//
// Counters: GB/s of weights; of_read, the fraction of the bandwidth; GMAC/s.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "csm/base/cpu_info.h"
#include "csm/base/error.h"
#include "csm/base/large_block.h"
#include "csm/base/thread_pool.h"
#include "csm/kernels/input_codes.h"
#include "csm/kernels/machine_probe.h"
#include "csm/kernels/matmul.h"

namespace csm::kernels {
namespace {

constexpr std::size_t kPoolBytes = std::size_t{256} << 20U;
constexpr double kProbeSeconds = 0.1;

struct Case {
  WeightType type;
  std::int64_t n_out;
  std::int64_t n_in;
  std::int64_t n_rows;
};

const char* name_of(WeightType type) {
  switch (type) {
    case WeightType::kFloat32:
      return "f32";
    case WeightType::kBfloat16:
      return "bf16";
    case WeightType::kInt8:
      return "int8";
    case WeightType::kInt4:
      return "int4";
  }
  return "?";
}

std::size_t matrix_bytes(const Case& c) {
  if (is_integer(c.type)) {
    return affine_tiles_bytes(c.type, {}, c.n_out, c.n_in);
  }
  return static_cast<std::size_t>(c.n_out * c.n_in * bits_of(c.type) / 8);
}

/// Writes bytes that are small finite numbers in every type of weights.
void fill_weights(const LargeBlock& block) {
  std::mt19937 engine(1);
  for (std::size_t i = 0; i + 4 <= block.size(); i += 4) {
    const auto word =
        static_cast<std::uint32_t>((engine() & 0x80FF80FFU) | 0x3C003C00U);
    std::memcpy(block.data() + i, &word, 4);
  }
}

/// As many matrices as the caches cannot hold, multiplied in turn.
class Products {
 public:
  Products(const Case& c, ThreadPool* pool)
      : case_(c),
        pool_(pool),
        bytes_(matrix_bytes(c)),
        n_matrices_(kPoolBytes / bytes_ + 1),
        weights_(n_matrices_ * bytes_),
        x_(static_cast<std::size_t>(c.n_rows * c.n_in), 0.5F),
        y_(static_cast<std::size_t>(c.n_rows * c.n_out)),
        codes_(is_integer(c.type) ? static_cast<std::size_t>(
                                        c.n_rows * code_stride(c.n_in, 64))
                                  : 0) {
    fill_weights(weights_);
  }

  void run_next() {
    Matmul m{.x = x_.data(),
             .x_stride = case_.n_in,
             .w = weights_.data() + next_ * bytes_,
             .type = case_.type,
             .n_rows = case_.n_rows,
             .n_out = case_.n_out,
             .n_in = case_.n_in,
             .y = y_.data(),
             .y_stride = case_.n_out,
             .codes = codes_.data()};
    if (is_integer(m.type)) {
      code_inputs(coding_of(m, codes_.data()), pool_, kernel_isa());
    }
    matmul(m, pool_);
    next_ = (next_ + 1) % n_matrices_;
  }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Case case_;
  ThreadPool* pool_;
  std::size_t bytes_;
  std::size_t n_matrices_;
  LargeBlock weights_;
  std::vector<float> x_;
  std::vector<float> y_;
  std::vector<std::byte> codes_;
  std::size_t next_ = 0;
};

struct Machine {
  explicit Machine(int threads) : pool(threads), probe(pool, kernel_isa()) {}

  ThreadPool pool;
  BandwidthProbe probe;
};

void multiply(benchmark::State& state, const Case& c, Machine* machine) {
  Products products(c, &machine->pool);
  products.run_next();
  const double before = machine->probe.measure(kProbeSeconds);
  const auto start = std::chrono::steady_clock::now();
  for (const auto _ : state) products.run_next();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  const double after = machine->probe.measure(kProbeSeconds);
  const double runs = static_cast<double>(state.iterations());
  const double rate = runs * static_cast<double>(products.bytes()) / seconds;
  state.counters["GB/s"] = rate * 1e-9;
  state.counters["of_read"] = rate / ((before + after) / 2);
  state.counters["GMAC/s"] =
      runs * static_cast<double>(c.n_rows * c.n_out * c.n_in) / seconds * 1e-9;
}

void register_all(Machine* machine) {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16,
                                WeightType::kInt8, WeightType::kInt4}) {
    // The backbone's shapes, and the depth decoder's.
    for (const auto& [n_out, n_in] :
         {std::pair<int, int>{2048, 2048}, {2048, 8192}, {8192, 1024}}) {
      for (const int n_rows : {1, 2, 3, 4, 8, 200}) {
        const Case c{type, n_out, n_in, n_rows};
        const std::string name =
            std::string(name_of(type)) + "/" + std::to_string(n_out) + "x" +
            std::to_string(n_in) + "/rows:" + std::to_string(n_rows);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [c, machine](benchmark::State& state) {
                                       multiply(state, c, machine);
                                     })
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

/// Takes --threads=N out of the arguments; 0 if it is not there.
int take_threads(int& argc, char** argv) {
  const std::string prefix = "--threads=";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with(prefix)) continue;
    std::move(argv + i + 1, argv + argc, argv + i);
    --argc;
    return std::stoi(argument.substr(prefix.size()));
  }
  return 0;
}

}  // namespace
}  // namespace csm::kernels

int main(int argc, char** argv) {
  try {
    const int threads = csm::kernels::take_threads(argc, argv);
    csm::kernels::Machine machine(threads > 0 ? threads : csm::usable_cpus());
    csm::kernels::register_all(&machine);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    std::printf("instruction set %s, %d threads\n",
                csm::to_string(csm::kernels::kernel_isa()),
                machine.pool.size());
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernels_bench: %s\n", error.what());
    return 1;
  }
}
