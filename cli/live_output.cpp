#include "cli/live_output.h"

#include <chrono>
#include <utility>

#include "cli/console.h"
#include "cli/interrupt.h"

namespace csm::cli {

void SoundOptions::add_to(CLI::App& command) {
  command.add_option("-o,--output", output,
                     "Audio file (.wav, .flac, .ogg, .mp3, .opus, .pcm), or - "
                     "for standard output");
  command.add_option("--format", format,
                     "wav, flac, ogg, mp3, opus or pcm, raw 16-bit little "
                     "endian (default: as the file is called; wav for -)");
  command.add_flag("--stream", stream,
                   "Write every frame as soon as it is made");
  command.add_flag("--play", play, "Play on the loudspeaker while speaking");
}

void SoundOptions::validate() const {
  if (stream && output.empty()) {
    throw UsageError("--stream: expected --output, a file or -");
  }
  if (!format.empty()) (void)audio::parse_audio_format(format);
  if (!output.empty()) (void)audio_format();
}

audio::AudioFormat SoundOptions::audio_format() const {
  return format.empty() ? audio::format_from_path(output)
                        : audio::parse_audio_format(format);
}

LiveOutput::LiveOutput(SoundOptions options) : options_(std::move(options)) {
  options_.validate();
  if (options_.play) device_ = audio::open_output_device();
}

void LiveOutput::begin(int sample_rate) {
  if (!options_.output.empty()) {
    writer_.emplace(options_.output, audio::AudioWriterOptions{
                                         .sample_rate = sample_rate,
                                         .format = options_.audio_format()});
  }
  if (device_ != nullptr) {
    player_ = std::make_unique<audio::Player>(
        std::move(device_), audio::PlayerOptions{.sample_rate = sample_rate});
  }
}

bool LiveOutput::add(std::span<const float> samples) {
  if (player_ != nullptr) player_->play(samples);
  if (writer_ && !writer_->append(samples)) reader_gone_ = true;
  return !reader_gone_;
}

void LiveOutput::finish() {
  if (writer_) {
    const audio::WriteReport report = writer_->finish();
    reader_gone_ = report.reader_gone;
    n_clipped_ = report.n_clipped;
  }
  if (player_ == nullptr) return;
  player_->end();
  constexpr std::chrono::milliseconds kLook{20};
  while (interrupt_signal() == 0 && !player_->wait(kLook)) {
  }
  playback_ = player_->stop();
}

}  // namespace csm::cli
