#pragma once

#include <cstdint>

namespace csm::audio {

/// Bytes of sound that the header of a RIFF WAVE file promises and the file
/// does not have, which libsndfile passes over in silence. 0 for a whole file,
/// for one whose length was left open when it was written to a pipe, and for
/// any other kind of file.
///
/// fd  an open file, whose position does not change
[[nodiscard]] std::uint64_t missing_wav_bytes(int fd);

}  // namespace csm::audio
