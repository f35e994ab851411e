// Draws noise and codes for tools/oracle/check_sampling.py, which compares
// them with live PyTorch.
//
//   sampling_probe noise RNG SEED CALLS N            -> float32 values
//   sampling_probe codes RNG SEED KIND TEMPERATURE TOP_K SAFETY N_VALID ROWS V
//       standard input: calls of ROWS x V float32 logits -> int32 codes
//   sampling_probe words ...                         as codes, by raw words
//
// Everything is raw little-endian binary.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/sampling/noise.h"
#include "csm/sampling/sampler.h"

namespace csm::sampling {
namespace {

using Arguments = std::vector<std::string>;

template <class Value>
Value required(std::optional<Value> value, const std::string& text) {
  if (value) return *value;
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[sampling.probe] expected a known name, got ", text));
}

std::size_t size_of(const std::string& text) {
  return static_cast<std::size_t>(std::stoull(text));
}

template <class Value>
void write_values(const std::vector<Value>& values) {
  const std::size_t n =
      std::fwrite(values.data(), sizeof(Value), values.size(), stdout);
  if (n != values.size()) {
    throw Error(ErrorCode::kBackend, "[sampling.probe] cannot write");
  }
}

NoiseStream stream_of(const Arguments& arguments) {
  return {required(parse_rng(arguments.at(1)), arguments.at(1)),
          std::stoull(arguments.at(2))};
}

void write_noise(const Arguments& arguments) {
  NoiseStream stream = stream_of(arguments);
  std::vector<float> values(size_of(arguments.at(4)));
  for (std::size_t call = 0; call < size_of(arguments.at(3)); ++call) {
    stream.draw_call(values);
    write_values(values);
  }
}

// One PyTorch call: noise for all rows at once, then each row on its own.
struct Caller {
  NoiseStream stream;
  SamplerOptions options;
  std::size_t n_rows;
  std::size_t vocab;
  bool by_words;
  std::vector<float> values{};
  std::vector<std::uint32_t> words{};

  std::vector<std::int32_t> call(const std::vector<float>& logits) {
    if (by_words) {
      words.resize(2 * logits.size());
      stream.draw_call_words(words);
    } else {
      values.resize(logits.size());
      stream.draw_call(values);
    }
    std::vector<std::int32_t> codes;
    for (std::size_t row = 0; row < n_rows; ++row) {
      const std::size_t first = row * vocab;
      const NoiseRow noise =
          by_words ? NoiseRow::words({words.data() + 2 * first, 2 * vocab})
                   : NoiseRow::values({values.data() + first, vocab});
      codes.push_back(
          draw_code({logits.data() + first, vocab}, noise, options).code);
    }
    return codes;
  }
};

void write_codes(const Arguments& arguments) {
  SamplerOptions options;
  options.kind = required(parse_sampler_kind(arguments.at(3)), arguments.at(3));
  options.temperature = std::stof(arguments.at(4));
  options.top_k = std::stoi(arguments.at(5));
  options.codec_safety =
      required(parse_codec_safety(arguments.at(6)), arguments.at(6));
  options.n_valid_codes = std::stoi(arguments.at(7));
  options.validate();
  Caller caller = {stream_of(arguments), options, size_of(arguments.at(8)),
                   size_of(arguments.at(9)), arguments.at(0) == "words"};
  std::vector<float> logits(caller.n_rows * caller.vocab);
  while (std::fread(logits.data(), sizeof(float), logits.size(), stdin) ==
         logits.size()) {
    write_values(caller.call(logits));
  }
}

int run(const Arguments& arguments) {
  try {
    if (arguments.at(0) == "noise") {
      write_noise(arguments);
    } else {
      write_codes(arguments);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace
}  // namespace csm::sampling

int main(int argc, char** argv) {
  return csm::sampling::run({argv + 1, argv + argc});
}
