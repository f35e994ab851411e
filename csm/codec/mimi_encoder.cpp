#include "csm/codec/mimi_encoder.h"

#include <algorithm>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::codec {
namespace {

/// Longer calls run in blocks: this bounds the ring of the transformer and
/// keeps the widest signals of a block in the processor's cache.
constexpr int kBlockFrames = 16;

constexpr const char* kFirstTensor = "codec.encoder.layers.0.conv.weight";

}  // namespace

MimiEncoder::State::State(SeanetEncoder::State convs, nn::KvCache cache,
                          nn::Downsample::State downsample)
    : convs_(std::move(convs)),
      cache_(std::move(cache)),
      downsample_(std::move(downsample)) {}

MimiEncoder::State MimiEncoder::State::fork() const {
  State copy(convs_, cache_.fork(), downsample_);
  copy.ended_ = ended_;
  return copy;
}

void MimiEncoder::State::append_arrays(std::vector<mx::array>& out) const {
  out.insert(out.end(), convs_.begin(), convs_.end());
  cache_.append_arrays(out);
  if (downsample_) out.push_back(*downsample_);
}

MimiEncoder::MimiEncoder(const MimiConfig& config, SeanetEncoder seanet,
                         MimiTransformer transformer, nn::Downsample downsample,
                         RvqEncoder quantizer)
    : config_(config),
      seanet_(std::move(seanet)),
      transformer_(std::move(transformer)),
      downsample_(std::move(downsample)),
      quantizer_(std::move(quantizer)) {}

MimiEncoder MimiEncoder::load(const MimiConfig& config,
                              const Codebooks& codebooks,
                              weights::WeightStore& store) {
  if (!store.has(kFirstTensor)) {
    throw Error(ErrorCode::kNotFound,
                str_cat("[codec.encoder] expected a model with the encoder of "
                        "its codec, got one without (",
                        store.path().string(), ": ", kFirstTensor, ")"));
  }
  return {
      config, SeanetEncoder::load(config.seanet, "codec.encoder", store),
      MimiTransformer::load(config.transformer, "codec.encoder_transformer",
                            store),
      nn::Downsample::load("codec.downsample.conv", config.transformer.width,
                           MimiConfig::kStepsPerFrame, store),
      RvqEncoder::load(config, codebooks, store)};
}

MimiEncoder::State MimiEncoder::new_state() const {
  return {seanet_.new_state(),
          transformer_.new_cache(kBlockFrames * MimiConfig::kStepsPerFrame),
          std::nullopt};
}

mx::array MimiEncoder::encode_block(const kernels::Exec& exec,
                                    const mx::array& samples, State& state,
                                    int n_codebooks) const {
  const mx::array steps = seanet_.forward(
      exec, mx::expand_dims(samples, 1, exec.stream), state.convs_);
  const nn::CacheShare share{.cache = &state.cache_,
                             .n_positions = steps.shape(0)};
  const mx::array heard = transformer_.forward(exec, steps, {&share, 1});
  return quantizer_.encode(
      exec, downsample_.forward(exec, heard, state.downsample_), n_codebooks);
}

mx::array MimiEncoder::encode(const kernels::Exec& exec,
                              const mx::array& samples, State& state,
                              int n_codebooks) const {
  if (samples.ndim() != 1 || samples.size() == 0 ||
      samples.dtype() != mx::float32) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.encoder] expected float32 samples [n], n >= 1, "
                        "got ",
                        samples.ndim(), " dimensions of ", samples.size(), " ",
                        samples.dtype(), " values"));
  }
  if (state.ended_) {
    throw Error(ErrorCode::kInvalidArgument,
                "[codec.encoder] expected whole frames before the last, got "
                "more samples after a part of a frame");
  }
  const int n = samples.shape(0);
  const int block = kBlockFrames * config_.frame_samples();
  std::vector<mx::array> codes;
  for (int first = 0; first < n; first += block) {
    const mx::array part =
        n <= block ? samples
                   : mx::slice(samples, {first}, {std::min(first + block, n)},
                               exec.stream);
    codes.push_back(encode_block(exec, part, state, n_codebooks));
  }
  state.ended_ = n % config_.frame_samples() != 0;
  return codes.size() == 1 ? codes[0]
                           : mx::concatenate(std::move(codes), 0, exec.stream);
}

}  // namespace csm::codec
