#pragma once

namespace csm::engine {

/// Sizes of a loaded model that callers need.
struct ModelFacts {
  int n_codebooks = 0;        ///< K
  int n_codes = 0;            ///< V, rows of a head
  int n_codec_codes = 0;      ///< codes that the codec can decode
  int n_codec_codebooks = 0;  ///< of the codec, K or more
  int n_text_tokens = 0;      ///< rows of the text embedding
  int max_positions = 0;      ///< context of the backbone, in frames
  int sample_rate_hz = 0;     ///< of the audio
  int samples_per_frame = 0;

  [[nodiscard]] double frame_seconds() const {
    return static_cast<double>(samples_per_frame) / sample_rate_hz;
  }
};

}  // namespace csm::engine
