#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "csm/engine/generation_options.h"
#include "csm/engine/model_facts.h"
#include "csm/server/output_format.h"
#include "csm/server/request_fields.h"

namespace csm::server {

inline constexpr std::size_t kMaxInputCharacters = 4096;
inline constexpr std::size_t kMaxContextTurns = 32;
inline constexpr int kMaxSpeaker = 999999;

/// Something that was said before, as a request brings it: a voice, or text
/// with its sound or its codes.
struct ContextTurn {
  std::string voice;  ///< not empty: nothing else counts
  int speaker = 0;
  std::string text;
  std::string sound;                ///< bytes of a sound file
  std::vector<std::int32_t> codes;  ///< [n_frames, K] instead
};

/// The fields that choose how something is spoken; REST and WebSocket share
/// them.
struct SpeechSettings {
  std::string voice;           ///< empty: none was named
  std::optional<int> speaker;  ///< else that of the voice
  OutputFormat format;
  engine::GenerationOptions options;  ///< with a seed in any case
  std::vector<ContextTurn> context;
};

/// What the server speaks for: needed to judge a request.
struct RequestRules {
  engine::ModelFacts facts;
  std::vector<std::string> models;     ///< names that the model goes by
  std::string default_format = "mp3";  ///< of response_format
  int max_audio_ms = 90000;            ///< that a request may ask for
  bool allows_context_sound = true;    ///< the codec's encoder is there
};

/// Reads model, voice, speaker, response_format, sample_rate, seed,
/// temperature, top_k, greedy, max_audio_ms and context; and refuses what no
/// CSM can do: speed, instructions.
///
/// Throws: RequestError naming the field.
[[nodiscard]] SpeechSettings read_settings(RequestFields& fields,
                                           const RequestRules& rules);

/// A text to speak: UTF-8, not blank, at most kMaxInputCharacters long.
///
/// Throws: RequestError naming the field.
void check_input(const std::string& text, const std::string& param);

/// POST /v1/audio/speech.
struct SpeechRequest {
  std::string input;
  SpeechSettings settings;
  bool sse = false;    ///< stream_format
  bool stream = true;  ///< false: the answer comes whole, with its length
  std::optional<std::string> expect_codes_sha256;  ///< implies !stream
  std::vector<std::string> ignored;                ///< fields that nobody knows
};

/// Throws: RequestError naming the field.
[[nodiscard]] SpeechRequest read_speech_request(const Json& body,
                                                const RequestRules& rules);

}  // namespace csm::server
