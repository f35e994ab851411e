#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace csm::engine {

/// What the model reads before it speaks: one position for each text token
/// and for each frame of audio.
///
/// Source: spec/csm-model.md 4 and 5.
class Prompt {
 public:
  /// A run of text tokens or a run of audio frames.
  struct Part {
    bool is_audio = false;
    /// Text: token ids [T]. Audio: codes [T, K].
    std::vector<std::int32_t> values;
    int n_positions = 0;  ///< T

    /// Values of a position.
    [[nodiscard]] std::size_t width() const {
      return values.size() / static_cast<std::size_t>(n_positions);
    }

    bool operator==(const Part&) const = default;
  };

  /// Appends text tokens.
  void add_text(std::vector<std::int32_t> ids);

  /// Appends frames of audio and, behind them, the frame that ends audio.
  ///
  /// codes        [T, K]
  /// n_codebooks  K
  /// end_code     that all codes of the last frame have
  void add_audio(std::span<const std::int32_t> codes, int n_codebooks,
                 std::int32_t end_code);

  /// Appends frames of audio that goes on behind them.
  void add_frames(std::span<const std::int32_t> codes, int n_codebooks);

  /// Appends all of another one.
  void append(const Prompt& more);

  /// Positions of the beginning that both have.
  [[nodiscard]] int n_common(const Prompt& other) const;

  /// The first `n_positions`, no more than there are.
  [[nodiscard]] Prompt first(int n_positions) const;

  /// What stands behind them.
  [[nodiscard]] Prompt without_first(int n_positions) const;

  [[nodiscard]] int n_positions() const { return n_positions_; }
  /// Text and audio by turns.
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

 private:
  // Goes on with the last part if it is of the same kind.
  void add(const Part& part);

  std::vector<Part> parts_;
  int n_positions_ = 0;
};

}  // namespace csm::engine
