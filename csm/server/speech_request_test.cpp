#include "csm/server/speech_request.h"

#include <gtest/gtest.h>

#include "csm/server/api_error.h"

namespace csm::server {
namespace {

RequestRules rules() {
  return {.facts = {.n_codebooks = 2,
                    .n_codes = 1027,
                    .n_codec_codes = 1024,
                    .n_codec_codebooks = 2,
                    .n_text_tokens = 100,
                    .max_positions = 2048,
                    .sample_rate_hz = 24000,
                    .samples_per_frame = 1920},
          .models = {"csm"}};
}

SpeechRequest read(const std::string& body) {
  return read_speech_request(parse_body(body), rules());
}

// The error of a request that is refused.
ApiError refused(const std::string& body) {
  try {
    (void)read(body);
  } catch (const RequestError& error) {
    return error.api_error();
  }
  ADD_FAILURE() << "taken: " << body;
  return {};
}

TEST(SpeechRequest, InputAlone_Defaults) {
  const SpeechRequest request = read(R"({"input": "Hello."})");
  EXPECT_EQ(request.input, "Hello.");
  EXPECT_EQ(request.settings.format.name, "mp3");
  EXPECT_EQ(request.settings.format.sample_rate, 24000);
  EXPECT_EQ(request.settings.options.temperature,
            engine::GenerationOptions{}.temperature);
  EXPECT_EQ(request.settings.options.top_k, engine::GenerationOptions{}.top_k);
  EXPECT_TRUE(request.stream);
  EXPECT_FALSE(request.sse);
  EXPECT_TRUE(request.ignored.empty());
}

TEST(SpeechRequest, OpenAisFields_AreTaken) {
  const SpeechRequest request = read(
      R"({"model": "gpt-4o-mini-tts", "input": "a", "voice": {"id": "x"},
          "instructions": "", "response_format": "opus", "speed": 1.0,
          "stream_format": "sse"})");
  EXPECT_EQ(request.settings.voice, "x");
  EXPECT_EQ(request.settings.format.name, "opus");
  EXPECT_TRUE(request.sse);
  EXPECT_NO_THROW(
      (void)read(R"({"model": "tts-1", "input": "a", "instructions": "b"})"));
}

TEST(SpeechRequest, OurFields_AreTaken) {
  const SpeechRequest request = read(
      R"({"input": "a", "seed": -1, "temperature": 0, "top_k": 7, "speaker": 3,
          "max_audio_ms": 160, "sample_rate": 16000, "response_format": "wav",
          "stream": false, "x": 1})");
  const engine::GenerationOptions& options = request.settings.options;
  EXPECT_EQ(options.seed, ~std::uint64_t{0});
  EXPECT_TRUE(options.greedy);
  EXPECT_EQ(options.top_k, 7);
  EXPECT_EQ(options.max_audio_ms, 160);
  EXPECT_EQ(request.settings.speaker, 3);
  EXPECT_EQ(request.settings.format.sample_rate, 16000);
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.ignored, std::vector<std::string>{"x"});
}

TEST(SpeechRequest, SeedsOf64Bits_AreWhole) {
  EXPECT_EQ(read(R"({"input": "a", "seed": 18446744073709551615})")
                .settings.options.seed,
            ~std::uint64_t{0});
  EXPECT_EQ(refused(R"({"input": "a", "seed": 1e3})").code, "invalid_type");
}

TEST(SpeechRequest, NullIsAbsent) {
  EXPECT_NO_THROW((void)read(
      R"({"input": "a", "voice": null, "speed": null, "seed": null})"));
  EXPECT_EQ(refused(R"({"input": null})").code, "missing_required_field");
}

TEST(SpeechRequest, ExpectedCodes_ComeWhole) {
  const std::string digest(64, 'a');
  const SpeechRequest request =
      read(R"({"input": "a", "expect_codes_sha256": ")" + digest + "\"}");
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(refused(R"({"input": "a", "stream_format": "sse",
                        "expect_codes_sha256": ")" +
                    digest + "\"}")
                .param,
            "stream_format");
}

TEST(SpeechRequest, Errors_NameTheField) {
  const ApiError error = refused(R"({"input": "a", "temperature": -1})");
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.param, "temperature");
  EXPECT_EQ(dump(to_json(error)),
            R"({"error":{"message":"expected temperature to be 0 to 1e+06, )"
            R"(got -1","type":"invalid_request_error","param":"temperature",)"
            R"("code":"invalid_value"}})");
  EXPECT_EQ(refused(R"({"input": "a", "model": "b"})").status, 404);
  EXPECT_EQ(refused(R"({"input": "a", "context": [{"text": "b"}]})").param,
            "context[0].audio");
}

TEST(SpeechRequest, InputIsCountedInCharacters) {
  std::string text;
  for (std::size_t i = 0; i < kMaxInputCharacters; ++i) text += "\u00e4";
  EXPECT_NO_THROW((void)read("{\"input\": \"" + text + "\"}"));
  EXPECT_EQ(refused("{\"input\": \"" + text + "a\"}").code, "input_too_long");
}

TEST(SpeechRequest, ContextOfCodesAndVoices) {
  const SpeechRequest request = read(
      R"({"input": "a", "context": [{"voice": "v"},
          {"speaker": 1, "text": "b", "codes": [[0, 1023], [5, 6]]}]})");
  const auto& context = request.settings.context;
  ASSERT_EQ(context.size(), 2U);
  EXPECT_EQ(context[0].voice, "v");
  EXPECT_EQ(context[1].codes, (std::vector<std::int32_t>{0, 1023, 5, 6}));
  for (const char* codes : {"[]", "[[1]]", "[[1,1024]]", "[[-1,1]]",
                            "[[1.5,1]]", "\"a\"", "[1,2]"}) {
    EXPECT_EQ(refused(std::string(R"({"input": "a", "context": [{"text": "b",)"
                                  R"( "codes": )") +
                      codes + "}]}")
                  .param,
              "context[0].codes")
        << codes;
  }
}

}  // namespace
}  // namespace csm::server
