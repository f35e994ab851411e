#pragma once

#include <vector>

#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_config.h"
#include "csm/codec/mimi_transformer.h"
#include "csm/codec/rvq_encoder.h"
#include "csm/codec/seanet_encoder.h"
#include "csm/nn/kv_cache.h"
#include "csm/nn/streaming_conv.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Mimi's encoder: mono audio to frames of codes, without look-ahead.
///
/// Owns its weights (float32), const after load(); the state of a stream is
/// the caller's. Threads: engine thread only.
/// Exact: any cut of a stream at frame borders gives the same codes on the CPU
/// kernels; the codes of transformers 4.57.6 and moshi 0.2.13 but where two
/// entries are equally near to within rounding (tests/parity/encode_test.cpp)
/// Source: Moshi (arXiv 2410.00037) section 3.3
class MimiEncoder {
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
    friend class MimiEncoder;
    State(SeanetEncoder::State convs, nn::KvCache cache,
          nn::Downsample::State downsample);

    SeanetEncoder::State convs_;
    nn::KvCache cache_;
    nn::Downsample::State downsample_;
    bool ended_ = false;  // by a frame that was not whole
  };

  /// Takes the encoder's tensors (`codec.*`) from the store; to be called
  /// before MimiDecoder::load, which skips them.
  ///
  /// Throws: Error{kNotFound} if the model has no encoder; Error{kNotFound} or
  /// Error{kCorrupt} naming a missing or misshapen tensor.
  static MimiEncoder load(const MimiConfig& config, const Codebooks& codebooks,
                          weights::WeightStore& store);

  [[nodiscard]] const MimiConfig& config() const { return config_; }

  /// State at the start of a stream.
  [[nodiscard]] State new_state() const;

  /// Encodes the next samples of a stream.
  ///
  /// samples      [n] float32, n >= 1. An n that is no multiple of the frame
  ///              ends the stream; each convolution then pads its own input,
  ///              as transformers does (moshi pads the samples with zeros)
  /// n_codebooks  the first of the codec's, 1 to all
  /// returns      [ceil(n / frame_samples), n_codebooks] int32
  ///
  /// Throws: Error{kInvalidArgument} for a shape or number that does not fit,
  /// or a stream that has ended.
  [[nodiscard]] mx::array encode(const kernels::Exec& exec,
                                 const mx::array& samples, State& state,
                                 int n_codebooks) const;

 private:
  MimiEncoder(const MimiConfig& config, SeanetEncoder seanet,
              MimiTransformer transformer, nn::Downsample downsample,
              RvqEncoder quantizer);

  /// At most kBlockFrames frames.
  [[nodiscard]] mx::array encode_block(const kernels::Exec& exec,
                                       const mx::array& samples, State& state,
                                       int n_codebooks) const;

  MimiConfig config_;
  SeanetEncoder seanet_;
  MimiTransformer transformer_;
  nn::Downsample downsample_;
  RvqEncoder quantizer_;
};

}  // namespace csm::codec
