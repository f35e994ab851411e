#include "csm/sampling/noise.h"

#include <array>
#include <cstddef>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/sampling/torch_mkl_rng.h"

namespace csm::sampling {
namespace {

constexpr std::array<std::pair<Rng, const char*>, 3> kNames = {
    {{Rng::kTorchCpu, "torch-cpu"},
     {Rng::kTorchCpuMkl, "torch-cpu-mkl"},
     {Rng::kTorchCuda, "torch-cuda"}}};

// The length of one codebook's call; checks the whole frame's.
std::size_t call_size(int n_codebooks, int vocab, std::size_t per_value,
                      std::size_t size) {
  const bool positive = n_codebooks > 0 && vocab > 0;
  const std::size_t call =
      positive ? static_cast<std::size_t>(vocab) * per_value : 0;
  if (!positive || size != static_cast<std::size_t>(n_codebooks) * call) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[sampling.noise] expected ", n_codebooks, " x ", vocab,
                        " x ", per_value, " elements, got ", size));
  }
  return call;
}

}  // namespace

const char* to_string(Rng rng) {
  for (const auto& [value, name] : kNames) {
    if (value == rng) return name;
  }
  return "unknown";
}

std::optional<Rng> parse_rng(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (name == known) return value;
  }
  return std::nullopt;
}

NoiseStream::NoiseStream(Rng rng, std::uint64_t seed, CudaDevice device)
    : source_(TorchCpuGenerator(seed)) {
  if (rng == Rng::kTorchCpuMkl) source_ = MklStream{TorchCpuGenerator(seed)};
  if (rng == Rng::kTorchCuda) source_ = TorchCudaGenerator(seed, device);
}

void NoiseStream::draw_call(std::span<float> out) {
  if (auto* mkl = std::get_if<MklStream>(&source_)) {
    exponential_mkl(mkl->generator, out);
  } else if (auto* cuda = std::get_if<TorchCudaGenerator>(&source_)) {
    cuda->exponential(out);
  } else {
    std::get<TorchCpuGenerator>(source_).exponential(out);
  }
}

bool NoiseStream::has_words() const {
  return std::holds_alternative<TorchCpuGenerator>(source_);
}

void NoiseStream::draw_call_words(std::span<std::uint32_t> out) {
  auto* generator = std::get_if<TorchCpuGenerator>(&source_);
  if (generator == nullptr) {
    throw Error(ErrorCode::kInvalidArgument,
                "[sampling.noise] expected rng torch-cpu for raw words, got "
                "another rng");
  }
  generator->words(out);
}

void draw_frame_noise(TorchCpuGenerator& generator, int n_codebooks, int vocab,
                      std::span<float> out) {
  // Calls of one generator follow each other without a gap.
  (void)call_size(n_codebooks, vocab, 1, out.size());
  generator.exponential(out);
}

void draw_frame_noise(NoiseStream& stream, int n_codebooks, int vocab,
                      std::span<float> out) {
  const std::size_t n = call_size(n_codebooks, vocab, 1, out.size());
  for (; !out.empty(); out = out.subspan(n)) stream.draw_call(out.first(n));
}

void draw_frame_words(NoiseStream& stream, int n_codebooks, int vocab,
                      std::span<std::uint32_t> out) {
  const std::size_t n = call_size(n_codebooks, vocab, 2, out.size());
  for (; !out.empty(); out = out.subspan(n)) {
    stream.draw_call_words(out.first(n));
  }
}

}  // namespace csm::sampling
