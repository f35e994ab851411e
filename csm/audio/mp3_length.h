#pragma once

#include <cstdint>

namespace csm::audio {

/// Bytes of sound that an MPEG audio file (MP1, MP2, MP3) promises and does not
/// have: by the number of bytes in its Xing, Info or VBRI header, or else by
/// its last frame. 0 for a whole file, for one without such a header that ends
/// between two frames, and for one that does not begin with a frame or an ID3
/// tag, as any other kind of file.
///
/// fd  an open file, whose position does not change
[[nodiscard]] std::uint64_t missing_mp3_bytes(int fd);

}  // namespace csm::audio
