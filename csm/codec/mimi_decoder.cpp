#include "csm/codec/mimi_decoder.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/codec/bad_code.h"
#include "csm/kernels/rows_op.h"

namespace csm::codec {
namespace {

/// Longer calls run in blocks: this bounds the ring of the transformer and
/// keeps the widest signals of a block in the processor's cache.
constexpr int kBlockFrames = 16;

/// Prefixes of the tensors that only the encoder uses.
constexpr const char* kEncoderParts[] = {
    "codec.encoder.", "codec.encoder_transformer.", "codec.downsample.",
    "codec.quantizer.semantic_residual_vector_quantizer.input_proj.",
    "codec.quantizer.acoustic_residual_vector_quantizer.input_proj."};

}  // namespace

MimiDecoder::State::State(mx::array upsample, nn::KvCache cache,
                          SeanetDecoder::State convs)
    : upsample_(std::move(upsample)),
      cache_(std::move(cache)),
      convs_(std::move(convs)) {}

MimiDecoder::State MimiDecoder::State::fork() const {
  return {upsample_, cache_.fork(), convs_};
}

void MimiDecoder::State::append_arrays(std::vector<mx::array>& out) const {
  out.push_back(upsample_);
  cache_.append_arrays(out);
  out.insert(out.end(), convs_.begin(), convs_.end());
}

MimiDecoder::MimiDecoder(const MimiConfig& config, RvqDecoder quantizer,
                         nn::Upsample upsample, MimiTransformer transformer,
                         SeanetDecoder seanet)
    : config_(config),
      quantizer_(std::move(quantizer)),
      upsample_(std::move(upsample)),
      transformer_(std::move(transformer)),
      seanet_(std::move(seanet)) {}

MimiDecoder MimiDecoder::load(const MimiConfig& config,
                              weights::WeightStore& store,
                              mx::Dtype step_weights) {
  return load(config, Codebooks::load(config, store), store, step_weights);
}

MimiDecoder MimiDecoder::load(const MimiConfig& config,
                              const Codebooks& codebooks,
                              weights::WeightStore& store,
                              mx::Dtype step_weights) {
  MimiDecoder out(
      config, RvqDecoder::load(config, codebooks, store),
      nn::Upsample::load("codec.upsample.conv", config.transformer.width,
                         config.upsample_groups, MimiConfig::kStepsPerFrame,
                         store),
      MimiTransformer::load(config.transformer, "codec.decoder_transformer",
                            store, step_weights),
      SeanetDecoder::load(config.seanet, "codec.decoder", store, step_weights));
  for (const char* encoder_part : kEncoderParts) {
    store.skip(encoder_part);
  }
  return out;
}

MimiDecoder::State MimiDecoder::new_state() const {
  return {upsample_.new_state(),
          transformer_.new_cache(kBlockFrames * MimiConfig::kStepsPerFrame),
          seanet_.new_state()};
}

std::vector<mx::array> MimiDecoder::decode_block(
    const kernels::Exec& exec, const mx::array& codes,
    std::span<State* const> states) const {
  const int n_streams = static_cast<int>(states.size());
  const auto each = [&](const mx::array& x) {
    return kernels::split_rows(exec, x, n_streams);
  };
  std::vector<mx::array> steps = each(quantizer_.decode(exec, codes));
  std::vector<nn::CacheShare> shares;
  std::vector<SeanetDecoder::State*> convs;
  for (std::size_t i = 0; i < states.size(); ++i) {
    steps[i] = upsample_.forward(exec, steps[i], states[i]->upsample_);
    shares.push_back(
        {.cache = &states[i]->cache_, .n_positions = steps[i].shape(0)});
    convs.push_back(&states[i]->convs_);
  }
  const mx::array rows = transformer_.forward(
      exec, kernels::join_rows(exec, std::move(steps)), shares);
  return seanet_.forward(exec, each(rows), convs);
}

std::vector<mx::array> MimiDecoder::decode_each(
    const kernels::Exec& exec, const mx::array& codes,
    std::span<State* const> states) const {
  if (codes.ndim() != 2 || states.empty() ||
      codes.shape(0) != static_cast<int>(states.size())) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.decoder] expected codes [", states.size(),
                        ", K] for as many streams, got ", codes.ndim(),
                        " dimensions of ", codes.size(), " values"));
  }
  std::vector<mx::array> audio = decode_block(exec, codes, states);
  for (mx::array& samples : audio) {
    samples = kernels::reshaped(exec, samples, {config_.frame_samples()});
  }
  return audio;
}

mx::array MimiDecoder::decode(const kernels::Exec& exec, const mx::array& codes,
                              State& state) const {
  const int max_frames = INT_MAX / config_.frame_samples();
  if (codes.ndim() != 2 || codes.shape(0) < 1 || codes.shape(0) > max_frames) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.decoder] expected codes [T, K], 1 <= T <= ",
                        max_frames, ", got ", codes.ndim(), " dimensions of ",
                        codes.size(), " values"));
  }
  const int n_frames = codes.shape(0);
  std::vector<mx::array> blocks;
  for (int first = 0; first < n_frames; first += kBlockFrames) {
    const int last = std::min(first + kBlockFrames, n_frames);
    const mx::array block = kernels::slice_rows(exec, codes, first, last);
    State* const only = &state;
    blocks.push_back(decode_block(exec, block, {&only, 1})[0]);
  }
  return kernels::reshaped(exec, kernels::join_rows(exec, std::move(blocks)),
                           {n_frames * config_.frame_samples()});
}

void MimiDecoder::check_codes(std::span<const std::int32_t> codes,
                              int n_codebooks) const {
  if (const auto bad =
          first_bad_code(codes, n_codebooks, config_.codebook_size)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.decoder] expected a code in [0, ",
                        config_.codebook_size, "), got ", bad->code, " (frame ",
                        bad->frame, ", codebook ", bad->codebook, ")"));
  }
}

}  // namespace csm::codec
