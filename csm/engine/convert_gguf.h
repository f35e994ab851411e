#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "csm/engine/model_source.h"
#include "csm/weights/gguf_writer.h"

namespace csm::engine {

/// A model's head in a GGUF file of the architecture csm-tts: its
/// configuration, and its tokenizer if it is of Llama 3's form and template,
/// which is all that such files can say.
///
/// tokenizer  its tokenizer.json in CSM's form; nothing: it has none
/// matrices   the type of most of its weights
/// Throws: as text::Tokenizer::parse.
[[nodiscard]] weights::GgufPairs gguf_head(const ModelSource& source,
                                           const std::optional<Json>& tokenizer,
                                           const std::string& name,
                                           weights::Dtype matrices);

/// Reads the head of a file that was written.
///
/// Throws: Error{kUnsupported} if the file does not say all that the
/// configuration does, as with convolutions of another form than Mimi's.
void check_gguf(const std::filesystem::path& path, const ModelSource& source);

}  // namespace csm::engine
