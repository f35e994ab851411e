#pragma once

#include <cstdint>

#include "csm/base/json.h"

namespace csm::text {

/// Ids of the tokens that stand for audio in a prompt's text.
struct AudioTokenIds {
  std::int32_t audio = 128002;
  std::int32_t audio_eos = 128003;
};

/// Makes the tokenizer.json of Llama 3.2 the one of CSM, which differs in what
/// was put on top: the template, which ends a text with <|end_of_text|>, and
/// the names <|AUDIO|> and <|audio_eos|> of two reserved tokens. What has them
/// already, or is no tokenizer of Llama's form, stays as it is.
///
/// Source: spec/weights.md 6.
void give_csm_form(Json& tokenizer, AudioTokenIds ids);

}  // namespace csm::text
