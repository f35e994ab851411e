#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace csm::codec {

/// What codes are codes of.
struct CodesFormat {
  int n_codebooks = 0;        ///< K, 1 to 256
  int sample_rate = 0;        ///< of the sound, Hz
  int samples_per_frame = 0;  ///< of the sound

  bool operator==(const CodesFormat&) const = default;
};

/// Codes with what they are codes of.
struct PackedCodes {
  CodesFormat format;
  std::vector<std::int32_t> codes;  ///< [n_frames, K], each in [0, 2048)
};

/// Writes a .csmc file (docs/codes.md): 11 bits a code, with a checksum.
///
/// The file appears under its name only when it is complete.
/// codes  [n_frames, K], possibly none
/// Throws: Error{kInvalidArgument} for a code outside [0, 2048), naming frame
/// and codebook, or a path that cannot be written; Error{kExhausted} on a full
/// disk.
void write_packed_codes(const std::filesystem::path& path,
                        const CodesFormat& format,
                        std::span<const std::int32_t> codes);

/// Reads a .csmc file.
///
/// Throws: Error{kNotFound}; Error{kCorrupt} for anything but a whole,
/// unchanged file; Error{kUnsupported} for another version.
[[nodiscard]] PackedCodes read_packed_codes(const std::filesystem::path& path);

}  // namespace csm::codec
