// Speaks a text into a sound file, frame by frame:
//
//   speak MODEL "text" FILE.wav
#include <csm/csm.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: speak MODEL \"text\" FILE.wav\n");
    return 2;
  }
  try {
    csm::Engine engine({.model_dir = argv[1]});
    csm::AudioWriter file(argv[3],
                          {.sample_rate = engine.facts().sample_rate_hz});
    csm::Session session = engine.start({.speaker = 1, .text = argv[2]},
                                        {.seed = 7, .max_audio_ms = 20000});
    for (const csm::Frame& frame : session) {
      if (!file.append(frame.audio)) session.cancel();
    }
    file.finish();
    std::printf("csm %s: %d frames, ended by %s\n", csm::version(),
                session.n_frames(), to_string(*session.stop_reason()));
  } catch (const csm::Error& error) {
    std::fprintf(stderr, "speak: %s\n", error.what());
    return 1;
  }
  return 0;
}
