#include "csm/server/output_format.h"

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/api_error.h"

namespace csm::server {
namespace {

using audio::AudioFormat;
using Law = OutputFormat::Law;

struct Known {
  std::string_view name;
  const char* content_type;
  AudioFormat encoding;
  Law law = Law::kNone;
};

constexpr Known kKnown[] = {
    {"mp3", "audio/mpeg", AudioFormat::kMp3},
    {"opus", "audio/ogg", AudioFormat::kOpus},
    {"flac", "audio/flac", AudioFormat::kFlac},
    {"wav", "audio/wav", AudioFormat::kWav},
    {"pcm", "audio/pcm", AudioFormat::kPcm},
    {"pcmu", "audio/basic", AudioFormat::kPcm, Law::kMu},
    {"pcma", "audio/x-alaw-basic", AudioFormat::kPcm, Law::kA},
};

constexpr int kTelephoneRate = 8000;

[[noreturn]] void refuse_rate(const std::string& expected, int got) {
  throw RequestError(
      bad_request("unsupported_sample_rate", "sample_rate",
                  str_cat("expected sample_rate ", expected, ", got ", got)));
}

void check_rate(const OutputFormat& format) {
  const int rate = format.sample_rate;
  if (format.law != Law::kNone && rate != kTelephoneRate) {
    refuse_rate("8000 for " + format.name, rate);
  }
  if (rate < kMinSampleRate || rate > kMaxSampleRate) {
    refuse_rate(str_cat(kMinSampleRate, " to ", kMaxSampleRate), rate);
  }
  try {
    audio::AudioWriterOptions{.sample_rate = rate, .format = format.encoding}
        .validate();
  } catch (const Error&) {
    refuse_rate("that " + format.name + " knows", rate);
  }
}

}  // namespace

OutputFormat find_format(std::string_view name, std::optional<int> sample_rate,
                         int model_rate) {
  for (const Known& known : kKnown) {
    if (known.name != name) continue;
    const int usual = known.law == Law::kNone ? model_rate : kTelephoneRate;
    OutputFormat format = {.name = std::string(name),
                           .content_type = known.content_type,
                           .encoding = known.encoding,
                           .law = known.law,
                           .sample_rate = sample_rate.value_or(usual)};
    check_rate(format);
    return format;
  }
  throw RequestError(
      bad_request("unsupported_response_format", "response_format",
                  str_cat("expected response_format ", kFormatNames, ", got '",
                          printable(name), "'")));
}

}  // namespace csm::server
