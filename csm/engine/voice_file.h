#pragma once

#include <filesystem>

#include "csm/engine/voice.h"

namespace csm::engine {

/// The ending of a voice pack's name.
inline constexpr const char* kVoiceEnding = ".csmvoice";

/// Writes a voice pack: a safetensors file with the tensor "codes" (I32
/// [T, K]), with a cache also "keys" and "values" (F32 [n_layers, n_kv_heads,
/// n_positions, head_dim]), and all else, a checksum included, as metadata
/// (docs/voices.md). The file appears under its name when it is complete.
///
/// Throws: as AtomicFile and SafetensorsWriter.
void write_voice(const std::filesystem::path& path, const Voice& voice);

/// Reads a voice pack and checks all that can be known without a model.
///
/// Throws: Error{kNotFound}; Error{kCorrupt} naming file and field for whatever
/// is malformed, missing, too much, out of its range or against the checksum;
/// Error{kUnsupported} for another version of the format.
[[nodiscard]] Voice read_voice(const std::filesystem::path& path);

}  // namespace csm::engine
