#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace csm::server {

/// Samples of a sound file that a client sent: any file that libsndfile knows.
/// The bytes lie in an unnamed temporary file meanwhile.
///
/// sample_rate  Hz, that the samples come at
/// max_seconds  of sound
/// param        field that it came in, for messages
/// returns      [n] float32 mono, n >= 1
/// Throws: RequestError naming the field; Error{kExhausted} if there is no room
/// for a temporary file.
[[nodiscard]] std::vector<float> read_uploaded_sound(std::string_view bytes,
                                                     int sample_rate,
                                                     int max_seconds,
                                                     const std::string& param);

}  // namespace csm::server
