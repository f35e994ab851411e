#include <fcntl.h>
#include <portaudio.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "csm/audio/output_device.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

// ALSA and JACK tell on standard error where they looked for devices.
class QuietStderr {
 public:
  QuietStderr() : saved_(::dup(STDERR_FILENO)) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
      ::dup2(null, STDERR_FILENO);
      ::close(null);
    }
  }
  ~QuietStderr() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;

 private:
  int saved_;
};

void check(PaError error, ErrorCode code, const std::string& what) {
  if (error >= 0) return;
  throw Error(code, str_cat("[audio.play] expected ", what,
                            ", got: ", Pa_GetErrorText(error)));
}

// PortAudio, as long as somebody plays.
class Library {
 public:
  Library() {
    check(Pa_Initialize(), ErrorCode::kUnsupported, "PortAudio to start");
  }
  ~Library() { Pa_Terminate(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

class PortAudioDevice : public OutputDevice {
 public:
  PortAudioDevice() {
    if (Pa_GetDefaultOutputDevice() == paNoDevice) {
      throw Error(ErrorCode::kUnsupported,
                  "[audio.play] expected an audio device, found none");
    }
  }
  ~PortAudioDevice() override { stop(); }

  void start(int sample_rate_hz, Source source) override {
    const QuietStderr quiet;
    source_ = std::move(source);
    check(Pa_OpenDefaultStream(&stream_, 0, 1, paFloat32, sample_rate_hz,
                               paFramesPerBufferUnspecified, call_back, this),
          ErrorCode::kUnsupported,
          str_cat("a device that plays mono at ", sample_rate_hz, " Hz"));
    check(Pa_StartStream(stream_), ErrorCode::kBackend,
          "the audio device to start");
  }

  void stop() override {
    if (stream_ == nullptr) return;
    (void)Pa_StopStream(stream_);
    (void)Pa_CloseStream(std::exchange(stream_, nullptr));
  }

 private:
  static int call_back(const void*, void* out, unsigned long n_samples,
                       const PaStreamCallbackTimeInfo*, PaStreamCallbackFlags,
                       void* self) {
    static_cast<PortAudioDevice*>(self)->source_(
        {static_cast<float*>(out), n_samples});
    return paContinue;
  }

  Library library_;
  Source source_;
  PaStream* stream_ = nullptr;
};

}  // namespace

std::vector<OutputDeviceInfo> list_output_devices() {
  const QuietStderr quiet;
  const Library library;
  std::vector<OutputDeviceInfo> out;
  for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); ++i) {
    const PaDeviceInfo* info = Pa_GetDeviceInfo(i);
    if (info == nullptr || info->maxOutputChannels < 1) continue;
    out.push_back({.name = info->name,
                   .sample_rate_hz = info->defaultSampleRate,
                   .is_default = i == Pa_GetDefaultOutputDevice()});
  }
  return out;
}

std::unique_ptr<OutputDevice> open_output_device() {
  const QuietStderr quiet;
  return std::make_unique<PortAudioDevice>();
}

}  // namespace csm::audio
