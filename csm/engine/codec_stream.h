#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace csm::kernels {
struct Exec;
}
namespace csm::codec {
class MimiDecoder;
class MimiEncoder;
}  // namespace csm::codec

namespace csm::engine {

/// How sound becomes codes.
struct EncodeOptions {
  /// The first of the codec's codebooks; 0: as many as the language model has.
  int n_codebooks = 0;
  /// What follows the samples in a last frame that they do not fill: false, in
  /// every convolution what it needs, as transformers does; true, silence, as
  /// moshi does.
  bool end_with_silence = false;

  /// n_all  codebooks of the codec
  /// Throws: Error{kInvalidArgument} naming the field and its range.
  void validate(int n_all) const;
};

/// Sound becoming codes, block by block, in bounded memory.
///
/// Made by Engine::start_encoding or Codec::start_encoding; must not outlive
/// what made it. Any blocks give the codes of one. Threads: engine thread only.
class EncodeStream {
 public:
  EncodeStream(EncodeStream&&) noexcept;
  EncodeStream& operator=(EncodeStream&&) noexcept;
  ~EncodeStream();

  /// The next samples of the sound.
  ///
  /// samples  [n] mono, finite, at the model's sample rate
  /// returns  [m, K] codes of the frames that are complete; what is left over
  ///          waits for the next call
  /// Throws: Error{kInvalidArgument} for a sample that is not finite or after
  /// finish(); Error{kBackend} if the computation fails.
  [[nodiscard]] std::vector<std::int32_t> push(std::span<const float> samples);

  /// Ends the sound: [m, K] codes of a last frame that is not complete, m 0 or
  /// 1.
  [[nodiscard]] std::vector<std::int32_t> finish();

  [[nodiscard]] int n_codebooks() const;

 private:
  friend class Codec;
  friend class Engine;
  struct State;
  EncodeStream(const kernels::Exec& exec, const codec::MimiEncoder& encoder,
               const EncodeOptions& options);

  std::unique_ptr<State> state_;
};

/// Codes becoming sound, block by block, in bounded memory.
///
/// Made by Engine::start_decoding or Codec::start_decoding; must not outlive
/// what made it. Any blocks give the samples of one. Threads: engine thread
/// only.
class DecodeStream {
 public:
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;
  ~DecodeStream();

  /// The next frames.
  ///
  /// codes    [n_frames, K], each in [0, n_codec_codes)
  /// returns  [n_frames * samples_per_frame] mono, not clipped
  /// Throws: Error{kInvalidArgument} naming a bad code or size; Error{kBackend}
  /// if the computation fails.
  [[nodiscard]] std::vector<float> push(std::span<const std::int32_t> codes);

  /// Checks codes that are to come. Throws: Error{kInvalidArgument} as push.
  void check(std::span<const std::int32_t> codes) const;

 private:
  friend class Codec;
  friend class Engine;
  struct State;
  DecodeStream(const kernels::Exec& exec, const codec::MimiDecoder& decoder,
               int n_codebooks);

  std::unique_ptr<State> state_;
};

}  // namespace csm::engine
