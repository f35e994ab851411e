#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_config.h"
#include "csm/codec/mimi_transformer.h"
#include "csm/codec/rvq_decoder.h"
#include "csm/codec/seanet_decoder.h"
#include "csm/nn/kv_cache.h"
#include "csm/nn/streaming_conv.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Mimi's decoder: frames of codes to mono audio, without look-ahead or delay.
///
/// Owns its weights, const after load(); the state of a stream is the
/// caller's. Threads: engine thread only.
/// Exact: any chunking of a stream gives bit-equal samples on the CPU kernels;
/// <= 1e-4 against transformers 4.57.6, and beyond the window (250 steps)
/// against moshi 0.2.13's offline mask (tests/parity/mimi_test.cpp)
/// Source: Moshi (arXiv 2410.00037) section 3.3
class MimiDecoder {
 public:
  /// What one stream has heard so far. A value; see fork().
  class State {
   public:
    State(State&&) = default;
    State& operator=(State&&) = default;

    /// A second stream that continues from the same point.
    [[nodiscard]] State fork() const;

    /// Appends all arrays, so that a caller can evaluate them with its result.
    void append_arrays(std::vector<mx::array>& out) const;

   private:
    friend class MimiDecoder;
    State(mx::array upsample, nn::KvCache cache, SeanetDecoder::State convs);

    mx::array upsample_;  // [1, width], the last latent vector
    nn::KvCache cache_;
    SeanetDecoder::State convs_;
  };

  /// Takes the decoder's tensors (`codec.*`) from the store and skips those
  /// that only the encoder has (MimiEncoder takes them before).
  ///
  /// step_weights  float32 or bfloat16: how the weights are kept that work on
  ///               the two steps of a frame (transformer, first convolution and
  ///               first upsampling, 149 of Mimi's 161 MB in float32). Others,
  ///               and all activations and sums, are float32. As bfloat16 the
  ///               audio differs by about -50 dB (docs/quantisation.md).
  /// Throws: Error{kNotFound} or Error{kCorrupt} naming a missing or misshapen
  /// tensor.
  static MimiDecoder load(const MimiConfig& config, weights::WeightStore& store,
                          mx::Dtype step_weights = mx::float32);

  /// The same with codebooks that were taken before.
  static MimiDecoder load(const MimiConfig& config, const Codebooks& codebooks,
                          weights::WeightStore& store,
                          mx::Dtype step_weights = mx::float32);

  [[nodiscard]] const MimiConfig& config() const { return config_; }

  /// State at the start of a stream.
  [[nodiscard]] State new_state() const;

  /// Decodes the next T frames of a stream.
  ///
  /// codes    [T, K] int32, T >= 1; K may be less than the codec's
  ///          n_codebooks (a prefix); may be lazy. A code outside
  ///          [0, codebook_size), which a language model without a mask may
  ///          draw, adds nothing to its frame; check_codes() refuses it
  /// returns  [T * frame_samples] float32, nominal [-1, 1], not clipped
  ///
  /// Throws: Error{kInvalidArgument} for a shape that does not fit.
  [[nodiscard]] mx::array decode(const kernels::Exec& exec,
                                 const mx::array& codes, State& state) const;

  /// Decodes the next frame of N streams together; each sounds as it would
  /// alone, and the large weights are read once for all of them.
  ///
  /// codes    [N, K] int32 as above, a row for each stream
  /// states   N of them, all different
  /// returns  N of [frame_samples] float32
  [[nodiscard]] std::vector<mx::array> decode_each(
      const kernels::Exec& exec, const mx::array& codes,
      std::span<State* const> states) const;

  /// Checks codes from outside, row-major [T, K].
  ///
  /// Throws: Error{kInvalidArgument} naming the first bad code.
  void check_codes(std::span<const std::int32_t> codes, int n_codebooks) const;

 private:
  MimiDecoder(const MimiConfig& config, RvqDecoder quantizer,
              nn::Upsample upsample, MimiTransformer transformer,
              SeanetDecoder seanet);

  /// The next T <= kBlockFrames frames of N streams, codes [N*T, K] stream by
  /// stream; N of [T * frame_samples, 1].
  [[nodiscard]] std::vector<mx::array> decode_block(
      const kernels::Exec& exec, const mx::array& codes,
      std::span<State* const> states) const;

  MimiConfig config_;
  RvqDecoder quantizer_;
  nn::Upsample upsample_;
  MimiTransformer transformer_;
  SeanetDecoder seanet_;
};

}  // namespace csm::codec
