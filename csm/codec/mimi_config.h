#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/nn/rope.h"

namespace csm::codec {

/// Sizes of one of Mimi's two transformers (both have the same).
struct MimiTransformerConfig {
  int width;   ///< model width, that of the latent signal
  int hidden;  ///< width of the feed-forward block
  int n_layers;
  int n_heads;     ///< H
  int n_kv_heads;  ///< Hkv, divides H
  int head_dim;    ///< Dh, even
  int window;      ///< a step sees itself and window - 1 steps before it
  float norm_eps;
  nn::RopeConfig rope;
};

/// Sizes of Mimi's convolutional encoder and decoder.
struct SeanetConfig {
  int latent_width;         ///< channels of the latent signal
  int n_filters;            ///< channels next to the waveform
  std::vector<int> ratios;  ///< upsampling per stage, decoder order
  int kernel;               ///< of the layer at the latent side
  int last_kernel;          ///< of the layer at the waveform
  int residual_kernel;
  int n_residual_layers;  ///< blocks per stage
  int dilation_growth;    ///< dilation of block j: growth^j
  int compress;           ///< width / inner width of a residual block

  /// Samples per latent step.
  [[nodiscard]] int hop() const;
};

/// A Mimi codec, from the `codec_config` object of a CSM's config.json.
///
/// Keys that Hugging Face leaves out have kyutai/mimi's values. Everything is
/// checked, so that a codec built from it cannot overflow.
struct MimiConfig {
  /// Latent steps per frame of codes.
  static constexpr int kStepsPerFrame = 2;

  int sample_rate;      ///< Hz
  int n_codebooks;      ///< all of the codec's, semantic ones first
  int n_semantic;       ///< of these, with a projection of their own
  int codebook_size;    ///< valid codes are 0..codebook_size-1
  int codebook_dim;     ///< width of an entry
  int upsample_groups;  ///< divides the latent width

  MimiTransformerConfig transformer;
  SeanetConfig seanet;

  /// Samples per frame of codes (1920).
  [[nodiscard]] int frame_samples() const {
    return kStepsPerFrame * seanet.hop();
  }

  /// Reads `codec_config` of `<model_dir>/config.json`.
  ///
  /// Throws: Error{kNotFound}; Error{kCorrupt} naming file and field;
  /// Error{kUnsupported} for a variant that this library does not have.
  [[nodiscard]] static MimiConfig load(const std::filesystem::path& model_dir);

  /// The same from the parsed object.
  [[nodiscard]] static MimiConfig parse(const JsonObject& json);

  /// Checks that a language model of `n_codebooks` per frame and `vocab` codes
  /// each can speak through this codec.
  ///
  /// Throws: Error{kCorrupt} if the codec has fewer codebooks or more codes.
  void check_serves(int n_codebooks, int vocab) const;

  /// One line of sizes, for people.
  [[nodiscard]] std::string to_string() const;
};

}  // namespace csm::codec
