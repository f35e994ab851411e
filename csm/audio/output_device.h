#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace csm::audio {

/// Something that plays mono sound: a loudspeaker, or what stands for one in
/// tests.
class OutputDevice {
 public:
  /// Fills the whole span with the next samples. Must not wait.
  using Source = std::function<void(std::span<float>)>;

  OutputDevice() = default;
  virtual ~OutputDevice() = default;
  OutputDevice(const OutputDevice&) = delete;
  OutputDevice& operator=(const OutputDevice&) = delete;

  /// Begins to ask `source` for samples, from a thread of the device, as fast
  /// as they are played.
  ///
  /// Throws: Error{kUnsupported} if the device cannot play at this rate,
  /// Error{kBackend} if it fails.
  virtual void start(int sample_rate_hz, Source source) = 0;

  /// Plays what it was given and asks no more. Nothing if it was not started.
  virtual void stop() = 0;
};

/// A loudspeaker of this machine.
struct OutputDeviceInfo {
  std::string name;
  double sample_rate_hz = 0;  ///< that it prefers
  bool is_default = false;    ///< open_output_device() takes it
};

/// All of them, through PortAudio; none if there is none.
///
/// Throws: Error{kUnsupported} if this build has no PortAudio or that does not
/// start.
[[nodiscard]] std::vector<OutputDeviceInfo> list_output_devices();

/// The default loudspeaker, through PortAudio.
///
/// Throws: Error{kUnsupported} if this build has no PortAudio or the machine
/// no audio device.
[[nodiscard]] std::unique_ptr<OutputDevice> open_output_device();

}  // namespace csm::audio
