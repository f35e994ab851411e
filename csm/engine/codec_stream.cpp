#include "csm/engine/codec_stream.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/finite.h"
#include "csm/base/str_cat.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/codec/mimi_encoder.h"
#include "csm/engine/check_codes.h"
#include "csm/engine/guarded.h"
#include "csm/kernels/exec_op.h"

namespace csm::engine {
namespace {

// Frames of one evaluation: enough to share the reading of weights, few enough
// to bound memory.
constexpr std::size_t kBlockFrames = 16;

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[engine.codec] " + message);
}

// Evaluates a result together with the state of its stream, so that no graph
// grows from call to call.
template <class T, class State>
std::vector<T> evaluated(const mx::array& result, const State& state) {
  std::vector<mx::array> arrays{result};
  state.append_arrays(arrays);
  mx::eval(arrays);
  return {result.data<T>(), result.data<T>() + result.size()};
}

}  // namespace

void EncodeOptions::validate(int n_all) const {
  if (n_codebooks < 0 || n_codebooks > n_all) {
    invalid(str_cat("expected 1 to ", n_all, " codebooks (n_codebooks), got ",
                    n_codebooks));
  }
}

struct EncodeStream::State {
  const kernels::Exec* exec;
  const codec::MimiEncoder* encoder;
  EncodeOptions options;
  codec::MimiEncoder::State codec;
  std::vector<float> waiting = {};  // less than a frame
  std::int64_t n_samples = 0;
  bool finished = false;

  std::vector<std::int32_t> encode(std::span<const float> samples) {
    return guarded("encode", [&] {
      const mx::array x(samples.data(), {static_cast<int>(samples.size())},
                        mx::float32);
      return evaluated<std::int32_t>(
          mx::contiguous(encoder->encode(*exec, x, codec, options.n_codebooks),
                         false, exec->stream),
          codec);
    });
  }
};

EncodeStream::EncodeStream(const kernels::Exec& exec,
                           const codec::MimiEncoder& encoder,
                           const EncodeOptions& options)
    : state_(new State{.exec = &exec,
                       .encoder = &encoder,
                       .options = options,
                       .codec = encoder.new_state()}) {
  options.validate(encoder.config().n_codebooks);
}

EncodeStream::EncodeStream(EncodeStream&&) noexcept = default;
EncodeStream& EncodeStream::operator=(EncodeStream&&) noexcept = default;
EncodeStream::~EncodeStream() = default;

int EncodeStream::n_codebooks() const { return state_->options.n_codebooks; }

std::vector<std::int32_t> EncodeStream::push(std::span<const float> samples) {
  State& state = *state_;
  if (state.finished) invalid("expected no samples after the end of the sound");
  if (const auto bad = find_not_finite(samples)) {
    invalid(str_cat("expected finite samples, got ", samples[*bad], " (sample ",
                    state.n_samples + static_cast<std::int64_t>(*bad), ")"));
  }
  state.n_samples += static_cast<std::int64_t>(samples.size());
  std::vector<float>& waiting = state.waiting;
  const auto frame =
      static_cast<std::size_t>(state.encoder->config().frame_samples());
  std::vector<std::int32_t> codes;
  while (waiting.size() + samples.size() >= frame) {
    const std::size_t n_frames =
        std::min(kBlockFrames, (waiting.size() + samples.size()) / frame);
    const std::size_t taken = n_frames * frame - waiting.size();
    waiting.insert(waiting.end(), samples.begin(),
                   samples.begin() + static_cast<std::ptrdiff_t>(taken));
    samples = samples.subspan(taken);
    const auto block = state.encode(waiting);
    codes.insert(codes.end(), block.begin(), block.end());
    waiting.clear();
  }
  waiting.insert(waiting.end(), samples.begin(), samples.end());
  return codes;
}

std::vector<std::int32_t> EncodeStream::finish() {
  State& state = *state_;
  if (state.finished) invalid("expected one end of the sound, got two");
  state.finished = true;
  if (state.waiting.empty()) return {};
  if (state.options.end_with_silence) {
    state.waiting.resize(
        static_cast<std::size_t>(state.encoder->config().frame_samples()));
  }
  return state.encode(state.waiting);
}

struct DecodeStream::State {
  const kernels::Exec* exec;
  const codec::MimiDecoder* decoder;
  int n_codebooks;
  codec::MimiDecoder::State codec;
  std::int64_t n_frames = 0;

  void check(std::span<const std::int32_t> codes) const {
    check_codes(codes, {.unit = "engine.codec",
                        .n_codebooks = n_codebooks,
                        .limit = decoder->config().codebook_size,
                        .first_frame = n_frames});
  }

  std::vector<float> decode(std::span<const std::int32_t> codes) {
    return guarded("decode", [&] {
      const mx::array x(
          codes.data(),
          {static_cast<int>(codes.size()) / n_codebooks, n_codebooks},
          mx::int32);
      return evaluated<float>(decoder->decode(*exec, x, codec), codec);
    });
  }
};

DecodeStream::DecodeStream(const kernels::Exec& exec,
                           const codec::MimiDecoder& decoder, int n_codebooks)
    : state_(new State{.exec = &exec,
                       .decoder = &decoder,
                       .n_codebooks = n_codebooks,
                       .codec = decoder.new_state()}) {
  const codec::MimiConfig& config = decoder.config();
  if (n_codebooks <= config.n_semantic || n_codebooks > config.n_codebooks) {
    invalid(str_cat("expected ", config.n_semantic + 1, " to ",
                    config.n_codebooks, " codebooks, got ", n_codebooks));
  }
}

DecodeStream::DecodeStream(DecodeStream&&) noexcept = default;
DecodeStream& DecodeStream::operator=(DecodeStream&&) noexcept = default;
DecodeStream::~DecodeStream() = default;

void DecodeStream::check(std::span<const std::int32_t> codes) const {
  state_->check(codes);
}

std::vector<float> DecodeStream::push(std::span<const std::int32_t> codes) {
  State& state = *state_;
  state.check(codes);
  const std::size_t block =
      kBlockFrames * static_cast<std::size_t>(state.n_codebooks);
  std::vector<float> samples;
  for (std::size_t first = 0; first < codes.size(); first += block) {
    const auto part = state.decode(
        codes.subspan(first, std::min(block, codes.size() - first)));
    samples.insert(samples.end(), part.begin(), part.end());
  }
  state.n_frames += static_cast<std::int64_t>(codes.size()) / state.n_codebooks;
  return samples;
}

}  // namespace csm::engine
