#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "csm/engine/engine.h"

namespace csm::server {

/// A sound becoming codes little by little, so that nobody who speaks has to
/// wait long. Threads: engine thread only.
class SoundEncoding {
 public:
  /// samples  at the model's rate. Throws: as Engine::start_encoding.
  SoundEncoding(engine::Engine& engine, std::vector<float> samples);

  /// Encodes some frames more; false when all is done. Throws: as
  /// EncodeStream::push.
  bool advance(int n_frames);

  /// [n_frames, K] of all of it, once advance() has returned false.
  [[nodiscard]] std::vector<std::int32_t> take() { return std::move(codes_); }

 private:
  engine::EncodeStream stream_;
  std::vector<float> samples_;
  std::size_t frame_samples_;
  std::size_t at_ = 0;
  std::vector<std::int32_t> codes_;
};

}  // namespace csm::server
