#include "csm/validate/speech_sweep.h"

#include <gtest/gtest.h>

#include <fstream>

#include "csm/base/error.h"
#include "csm/validate/process.h"

namespace csm::validate {
namespace {

/// Speech as tools/oracle/speech_sweep.py writes it, of one cell.
OrderedJson speech(double word_error_rate) {
  OrderedJson json;
  for (const SpeechMeasure& measure : kSpeechMeasures) {
    const std::string key = measure.key;
    json[key] = word_error_rate;
    json[key + "_95"] = {word_error_rate - 0.1, word_error_rate + 0.1};
    if (!measure.has_best) continue;
    json[key + "_to_best"] = 0.25;
    json[key + "_to_best_95"] = {0.125, 0.375};
  }
  return json;
}

OrderedJson speech_file() {
  OrderedJson json = {{"format", "csm-speech-sweep 1"},
                      {"sampler", "torch-f32"},
                      {"model_sha256", "00"},
                      {"sentences", 3},
                      {"speakers", 2},
                      {"flite_word_error_rate", 0.2},
                      {"default", {{"temperature", 0.8}, {"top_k", 100}}}};
  json["cells"] = {
      {{"temperature", 0.8}, {"top_k", 100}, {"speech", speech(0.75)}},
      {{"temperature", 0.5}, {"top_k", 20}, {"speech", speech(0.5)}}};
  json["verdict"] = {
      {{"measure", "word_error_rate"},
       {"value", 0.75},
       {"best", {{"temperature", 0.5}, {"top_k", 20}, {"value", 0.5}}},
       {"difference", 0.25},
       {"difference_95", {0.125, 0.375}},
       {"holds", false}}};
  return json;
}

OrderedJson sweep_results() {
  OrderedJson results;
  results["sweep"] = OrderedJson::array();
  for (const double temperature : {0.5, 0.8}) {
    for (const int top_k : {20, 100}) {
      results["sweep"].push_back({{"sampler", "torch-f32"},
                                  // As a float rounds it.
                                  {"temperature", temperature + 1e-8},
                                  {"top_k", top_k}});
    }
  }
  return results;
}

class SpeechSweepTest : public testing::Test {
 protected:
  SpeechSweep load(const OrderedJson& json) { return load_text(json.dump()); }

  SpeechSweep load_text(const std::string& text) {
    std::ofstream(path_) << text;
    return SpeechSweep::load(path_);
  }

  /// The one line of the error, or "" if there is none.
  std::string message(const OrderedJson& json) {
    try {
      (void)load(json);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      return error.what();
    }
    return {};
  }

  TempFolder folder_;
  std::filesystem::path path_ = folder_.path() / "speech.json";
};

TEST_F(SpeechSweepTest, MergesCellsOfTheSameSetting) {
  OrderedJson results = sweep_results();
  load(speech_file()).merge(results);
  const OrderedJson& sweep = results["sweep"];
  EXPECT_EQ(sweep[0]["speech"]["word_error_rate"], 0.5);
  EXPECT_FALSE(sweep[1].contains("speech"));
  EXPECT_FALSE(sweep[2].contains("speech"));
  EXPECT_EQ(sweep[3]["speech"]["word_error_rate"], 0.75);
  EXPECT_EQ(results["speech"]["cells_with_speech"], 2);
  EXPECT_FALSE(results["speech"].contains("cells"));
}

TEST_F(SpeechSweepTest, SaysWhetherTheDefaultHolds) {
  OrderedJson results = sweep_results();
  load(speech_file()).merge(results);
  const auto sentences = speech_verdict(results);
  ASSERT_EQ(sentences.size(), 1U);
  EXPECT_EQ(sentences[0],
            "Word error rate: 0.8 / 100 does not hold. It has 75.0 %; the "
            "best cell, 0.5 / 20, has 50.0 %; the difference is 25.0 (12.5 to "
            "37.5) %, which excludes 0.");
  const std::string section = speech_section(results);
  EXPECT_NE(section.find("<td>0.50</td><td>20</td><td>50.0 (40.0 to 60.0)"),
            std::string::npos)
      << section;
  EXPECT_NE(section.find("3 held-out sentences, 2 speakers"),
            std::string::npos);

  OrderedJson without = speech_file();
  without["verdict"] = nullptr;
  results = sweep_results();
  load(without).merge(results);
  EXPECT_TRUE(speech_verdict(results).empty());
  EXPECT_TRUE(speech_section({{"sweep", OrderedJson::array()}}).empty());
}

TEST_F(SpeechSweepTest, RefusesSpeechOfOtherSettings) {
  OrderedJson json = speech_file();
  json["cells"].erase(1);
  json["cells"][0]["top_k"] = 99;
  const SpeechSweep other = load(json);
  OrderedJson results = sweep_results();
  EXPECT_THROW(other.merge(results), Error);
  json = speech_file();
  json["sampler"] = "torch-bf16";
  const SpeechSweep bf16 = load(json);
  EXPECT_THROW(bf16.merge(results), Error);
}

TEST_F(SpeechSweepTest, MalformedFilesNameTheField) {
  EXPECT_EQ(message(speech_file()), "");
  const auto broken = [&](const std::string& pointer, OrderedJson value) {
    OrderedJson json = speech_file();
    json[OrderedJson::json_pointer(pointer)] = std::move(value);
    return message(json);
  };
  const auto names = [](const std::string& text, const std::string& field) {
    return text.find(field) != std::string::npos &&
           text.find("speech.json") != std::string::npos &&
           text.find('\n') == std::string::npos;
  };
  EXPECT_TRUE(names(broken("/format", "x"), "format"));
  EXPECT_TRUE(names(broken("/cells", 1), "cells"));
  EXPECT_TRUE(names(broken("/cells/1", 1), "cells[1]"));
  EXPECT_TRUE(names(broken("/cells/0/top_k", 0), "top_k"));
  EXPECT_TRUE(names(broken("/cells/0/speech/mcd_db", "x"), "mcd_db"));
  EXPECT_TRUE(names(broken("/cells/0/speech/mcd_db", -1), "mcd_db"));
  EXPECT_TRUE(
      names(broken("/cells/0/speech/eos_rate_95", {2, 1}), "eos_rate_95"));
  EXPECT_TRUE(names(broken("/cells/0/speech/word_error_rate_to_best_95", 1),
                    "word_error_rate_to_best_95"));
  EXPECT_TRUE(names(broken("/verdict", 3), "verdict"));
  EXPECT_TRUE(names(broken("/verdict", OrderedJson::array()), "verdict"));
  EXPECT_TRUE(names(broken("/verdict/0/measure", "eos_rate"), "verdict"));
  EXPECT_TRUE(names(broken("/verdict/0/holds", 1), "holds"));
  EXPECT_TRUE(names(broken("/verdict/0/best", nullptr), "best"));
  EXPECT_TRUE(names(broken("/default", 1), "default"));
}

TEST_F(SpeechSweepTest, RefusesAVerdictOnAnotherDefault) {
  OrderedJson json = speech_file();
  json["default"]["top_k"] = 99;
  EXPECT_NE(
      message(json).find("csm's default, 0.8 / 100, got that on 0.8 / 99"),
      std::string::npos);
  json["verdict"] = nullptr;  // nothing is said of it
  EXPECT_EQ(message(json), "");
}

TEST_F(SpeechSweepTest, FilesThatAreNoJson) {
  EXPECT_THROW((void)load_text("{\"format\": "), Error);
  EXPECT_THROW((void)load_text("[]"), Error);
  EXPECT_THROW((void)SpeechSweep::load(folder_.path() / "none.json"), Error);
}

}  // namespace
}  // namespace csm::validate
