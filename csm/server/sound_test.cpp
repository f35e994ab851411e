// From samples to bytes of a request's format, and what was heard of them.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "csm/server/api_error.h"
#include "csm/server/g711.h"
#include "csm/server/said.h"
#include "csm/server/sound_stream.h"
#include "csm/server/text_feed.h"

namespace csm::server {
namespace {

constexpr int kRate = 24000;

std::vector<float> tone(std::size_t n) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) {
    samples[i] =
        0.5F * static_cast<float>(std::sin(2 * std::numbers::pi * 440 *
                                           static_cast<double>(i) / kRate));
  }
  return samples;
}

std::string stream(const OutputFormat& format, std::span<const float> samples,
                   std::size_t block) {
  SoundStream sound(format, kRate);
  std::string bytes;
  for (std::size_t at = 0; at < samples.size(); at += block) {
    bytes +=
        sound.push(samples.subspan(at, std::min(block, samples.size() - at)));
  }
  return bytes + sound.finish();
}

TEST(SoundStream, AnyBlocks_SameBytes) {
  const std::vector<float> samples = tone(30000);
  for (const char* name : {"mp3", "flac", "wav", "pcm", "pcmu", "pcma"}) {
    const OutputFormat format = find_format(name, {}, kRate);
    EXPECT_EQ(stream(format, samples, 1920), stream(format, samples, 30000))
        << name;
  }
}

TEST(SoundStream, PlainFormats_AreTheWholeSoundsBytes) {
  const std::vector<float> samples = tone(30000);
  for (const char* name : {"pcm", "pcmu", "pcma"}) {
    const OutputFormat format = find_format(name, {}, kRate);
    EXPECT_EQ(stream(format, samples, 1920),
              encode_sound(format, kRate, samples))
        << name;
  }
  const OutputFormat wav = find_format("wav", 16000, kRate);
  const std::string streamed = stream(wav, samples, 1920);
  const std::string whole = encode_sound(wav, kRate, samples);
  EXPECT_EQ(streamed.size(), whole.size());
  EXPECT_EQ(streamed.substr(44), whole.substr(44));
  EXPECT_EQ(streamed.substr(4, 4), "\xff\xff\xff\xff");
}

TEST(SoundStream, CompressedFormats_LeaveBeforeTheEnd) {
  for (const char* name : {"mp3", "flac", "opus"}) {
    SoundStream sound(find_format(name, {}, kRate), kRate);
    EXPECT_GT(sound.push(tone(48000)).size(), 1000U) << name;
  }
}

TEST(FindFormat, WhatCannotBe_IsRefused) {
  const std::pair<const char*, int> pairs[] = {
      {"aac", 24000}, {"", 24000},     {"pcm", 7999},
      {"pcm", 48001}, {"pcmu", 16000}, {"opus", 44100}};
  for (const auto& [name, rate] : pairs) {
    EXPECT_THROW((void)find_format(name, rate, kRate), RequestError) << name;
  }
  EXPECT_EQ(find_format("pcma", {}, kRate).sample_rate, 8000);
}

// Values of ITU-T G.711: silence, the largest of either sign, and a step.
TEST(G711, PublishedValues) {
  const std::vector<std::int16_t> samples = {0, 32767, -32768, 1000, -1000};
  const std::string mu = encode_mu_law(samples);
  const std::string a = encode_a_law(samples);
  const unsigned char want_mu[] = {0xff, 0x80, 0x00, 0xce, 0x4e};
  const unsigned char want_a[] = {0xd5, 0xaa, 0x2a, 0xfa, 0x7a};
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(static_cast<unsigned char>(mu[i]), want_mu[i]) << samples[i];
    EXPECT_EQ(static_cast<unsigned char>(a[i]), want_a[i]) << samples[i];
  }
}

Said said(const char* text, int n_frames, std::int64_t start_ms) {
  return {.segment = {.utterance = {.speaker = 0, .text = text},
                      .codes = std::vector<std::int32_t>(
                          static_cast<std::size_t>(2 * n_frames))},
          .start_ms = start_ms};
}

TEST(HeardOf, WholePieces_Stay) {
  const auto heard =
      heard_of({said("a b", 10, 0), said("c", 5, 1000)}, 1400, 2, 80);
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[1].segment.utterance.text, "c");
  EXPECT_EQ(heard[1].segment.codes.size(), 10U);
}

TEST(HeardOf, APieceThatWasCut_KeepsItsShareOfWords) {
  const auto heard = heard_of(
      {said("one two three four", 10, 0), said("c", 5, 1000)}, 400, 2, 80);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].segment.utterance.text, "one two");
  EXPECT_EQ(heard[0].segment.codes.size(), 10U);
}

TEST(HeardOf, NothingPlayed_NothingHeard) {
  EXPECT_TRUE(heard_of({said("a", 10, 0)}, 0, 2, 80).empty());
  EXPECT_TRUE(heard_of({said("a", 10, 0)}, 79, 2, 80).empty());
  EXPECT_EQ(
      heard_of({said("a b c", 10, 0)}, 80, 2, 80)[0].segment.utterance.text,
      "a")
      << "one word at least";
}

std::vector<std::string> texts(const std::vector<Piece>& pieces) {
  std::vector<std::string> out;
  for (const Piece& piece : pieces) out.push_back(piece.text);
  return out;
}

TEST(TextFeed, WholeSentences_LeaveWhenTheNextBegins) {
  TextFeed feed;
  EXPECT_TRUE(feed.push("This is the first sentence of").empty());
  EXPECT_TRUE(feed.push(" several. ").empty());
  EXPECT_EQ(texts(feed.push("And")),
            std::vector<std::string>{"This is the first sentence of several."});
  EXPECT_TRUE(feed.push(" so on.").empty());
  EXPECT_EQ(texts(feed.flush()), std::vector<std::string>{"And so on."});
  EXPECT_TRUE(feed.flush().empty());
}

TEST(TextFeed, ShortSentences_GoWithTheNext) {
  TextFeed feed;
  EXPECT_TRUE(feed.push("Oh. No. ").empty());
  EXPECT_EQ(texts(feed.push("This is longer than that. B")),
            std::vector<std::string>{"Oh. No. This is longer than that."});
}

TEST(TextFeed, EndlessSentence_IsCutBetweenWords) {
  TextFeed feed;
  std::string said;
  for (int i = 0; i < 400; ++i) {
    for (const Piece& piece : feed.push("word ")) said += piece.text;
  }
  EXPECT_GT(said.size(), 500U);
  EXPECT_LT(feed.waiting().size(), 1000U);
}

TEST(TextFeed, Pauses_AreSilence) {
  TextFeed feed;
  (void)feed.push("Wait for it. [pause 500ms] Now.");
  const auto pieces = feed.flush();
  ASSERT_FALSE(pieces.empty());
  EXPECT_EQ(pieces.back().pause_before_ms, 500);
}

}  // namespace
}  // namespace csm::server
