#include "csm/audio/output_device.h"
#include "csm/base/error.h"

namespace csm::audio {

namespace {

[[noreturn]] void fail() {
  throw Error(ErrorCode::kUnsupported,
              "[audio.play] expected a build with PortAudio, got one without: "
              "install portaudio19-dev (Debian) or portaudio (Homebrew) and "
              "build again");
}

}  // namespace

std::vector<OutputDeviceInfo> list_output_devices() { fail(); }

std::unique_ptr<OutputDevice> open_output_device() { fail(); }

}  // namespace csm::audio
