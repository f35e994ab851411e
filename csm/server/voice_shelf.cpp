#include "csm/server/voice_shelf.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/engine/voice_file.h"
#include "csm/server/speech_request.h"

namespace csm::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpeaker = "speaker-";
constexpr int kListedSpeakers = 2;
constexpr std::size_t kMaxLoaded = 64;

// Every second one is speaker 1.
constexpr std::string_view kOpenAiVoices[] = {
    "alloy", "ash",  "ballad",  "coral", "echo",  "fable", "onyx",
    "nova",  "sage", "shimmer", "verse", "marin", "cedar"};

std::optional<int> openai_speaker(std::string_view name) {
  const auto* known =
      std::find(std::begin(kOpenAiVoices), std::end(kOpenAiVoices), name);
  if (known == std::end(kOpenAiVoices)) return std::nullopt;
  return static_cast<int>((known - std::begin(kOpenAiVoices)) % 2);
}

std::optional<int> speaker_number(std::string_view name) {
  if (!name.starts_with(kSpeaker)) return std::nullopt;
  name.remove_prefix(kSpeaker.size());
  int number = -1;
  const auto read =
      std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size() ||
      number < 0 || number > kMaxSpeaker) {
    return std::nullopt;
  }
  return number;
}

OrderedJson describe_speaker(int number) {
  const std::string id = str_cat(kSpeaker, number);
  return {{"id", id},
          {"name", id},
          {"object", "audio.voice"},
          {"kind", "speaker"},
          {"speaker", number}};
}

std::int64_t unix_seconds(fs::file_time_type time) {
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::seconds>(
             system.time_since_epoch())
      .count();
}

[[noreturn]] void not_found(const std::string& name, int status) {
  throw RequestError({.status = status,
                      .code = "voice_not_found",
                      .message = str_cat("there is no voice '", printable(name),
                                         "' (GET /v1/audio/voices lists them)"),
                      .param = "voice"});
}

}  // namespace

std::optional<ChosenVoice> VoiceShelf::choose_speaker(const std::string& name) {
  if (name.empty()) return ChosenVoice{};
  if (const auto number = speaker_number(name)) {
    return ChosenVoice{.speaker = *number, .pack = nullptr};
  }
  return std::nullopt;
}

ChosenVoice VoiceShelf::choose(const std::string& name) {
  if (const auto speaker = choose_speaker(name)) return *speaker;
  if (!engine::is_voice_name(name)) not_found(name, 400);
  try {
    auto pack = load(library_.find(name));
    const int speaker = pack->segment.utterance.speaker;
    return {.speaker = speaker, .pack = std::move(pack)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  if (const auto speaker = openai_speaker(name)) {
    return {.speaker = *speaker, .pack = nullptr};
  }
  not_found(name, 400);
}

std::shared_ptr<const engine::Voice> VoiceShelf::load(
    const engine::VoiceLibrary::Entry& entry) {
  std::error_code failed;
  const auto written = fs::last_write_time(entry.path, failed);
  {
    const std::lock_guard lock(mutex_);
    const auto known = loaded_.find(entry.path);
    if (known != loaded_.end() && known->second.written == written) {
      return known->second.voice;
    }
  }
  auto voice =
      std::make_shared<const engine::Voice>(engine::read_voice(entry.path));
  const std::lock_guard lock(mutex_);
  if (loaded_.size() >= kMaxLoaded) loaded_.clear();
  loaded_.insert_or_assign(entry.path,
                           Loaded{.written = written, .voice = voice});
  return voice;
}

OrderedJson VoiceShelf::describe_pack(
    const engine::VoiceLibrary::Entry& entry) {
  std::error_code failed;
  OrderedJson json = {{"id", entry.name},
                      {"name", entry.name},
                      {"object", "audio.voice"},
                      {"kind", entry.is_users ? "uploaded" : "model"}};
  json["created_at"] = unix_seconds(fs::last_write_time(entry.path, failed));
  try {
    const auto voice = load(entry);
    json["speaker"] = voice->segment.utterance.speaker;
    json["ref_text"] = voice->segment.utterance.text;
    json["frames"] = voice->n_frames();
  } catch (const Error&) {
    json["unusable"] = true;
  }
  return json;
}

OrderedJson VoiceShelf::list() {
  OrderedJson all = OrderedJson::array();
  for (int i = 0; i < kListedSpeakers; ++i) all.push_back(describe_speaker(i));
  for (const auto& entry : library_.list()) {
    const bool is_hidden = std::any_of(
        all.begin(), all.end(),
        [&](const OrderedJson& other) { return other["id"] == entry.name; });
    if (!is_hidden) all.push_back(describe_pack(entry));
  }
  return {{"object", "list"}, {"voices", all}, {"data", all}};
}

std::optional<OrderedJson> VoiceShelf::describe(const std::string& name) {
  if (const auto number = speaker_number(name)) {
    return describe_speaker(*number);
  }
  if (!engine::is_voice_name(name)) return std::nullopt;
  for (const auto& entry : library_.list()) {
    if (entry.name == name) return describe_pack(entry);
  }
  return std::nullopt;
}

void VoiceShelf::check_new(const std::string& name, bool replace) {
  if (!engine::is_voice_name(name) || name.starts_with(kSpeaker)) {
    throw RequestError(bad_request(
        "invalid_voice_name", "name",
        "expected name to be 1 to 64 letters, digits, '.', '_' and '-', the "
        "first a letter, digit or '_', and not speaker-..."));
  }
  const auto entries = library_.list();
  const auto n_users = std::count_if(entries.begin(), entries.end(),
                                     [](const auto& e) { return e.is_users; });
  const bool is_taken = std::any_of(
      entries.begin(), entries.end(),
      [&](const auto& entry) { return entry.is_users && entry.name == name; });
  if (is_taken && !replace) {
    throw RequestError({.status = 409,
                        .code = "voice_exists",
                        .message = "there is a voice of this name already "
                                   "(replace=true replaces it)",
                        .param = "name"});
  }
  if (!is_taken && static_cast<std::size_t>(n_users) >= kMaxUserVoices) {
    throw RequestError(
        bad_request("too_many_voices", "name", "no more voices can be kept"));
  }
}

void VoiceShelf::put(const std::string& name, const engine::Voice& voice,
                     bool replace) {
  check_new(name, replace);
  engine::write_voice(library_.place_for(name, replace), voice);
}

void VoiceShelf::remove(const std::string& name) {
  if (!engine::is_voice_name(name)) not_found(name, 404);
  for (const auto& entry : library_.list()) {
    if (entry.name != name) continue;
    if (!entry.is_users) {
      throw RequestError({.status = 403,
                          .code = "voice_not_yours",
                          .message = "this voice belongs to the model",
                          .param = "voice"});
    }
    (void)library_.remove(name);
    return;
  }
  not_found(name, 404);
}

}  // namespace csm::server
