#pragma once

namespace csm::audio {

/// Whether an Ogg file is cut off: its last page is not all there, or is not
/// marked as the end of its stream (RFC 3533, 6). False for any other kind of
/// file and where the pages cannot be followed.
///
/// fd  an open file, whose position does not change
[[nodiscard]] bool ogg_is_cut_off(int fd);

}  // namespace csm::audio
