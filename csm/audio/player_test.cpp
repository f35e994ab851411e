#include "csm/audio/player.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "csm/base/error.h"

namespace csm::audio {
namespace {

using std::chrono::milliseconds;

// A device whose calls the test makes.
class ManualDevice : public OutputDevice {
 public:
  void start(int sample_rate_hz, Source source) override {
    rate = sample_rate_hz;
    source_ = std::move(source);
  }
  void stop() override { stopped = true; }

  std::vector<float> pull(std::size_t n) {
    std::vector<float> out(n, 99.0F);
    source_(out);
    return out;
  }

  int rate = 0;
  bool stopped = false;

 private:
  Source source_;
};

// A device with a clock: asks for 10 ms of sound every millisecond.
class ClockedDevice : public OutputDevice {
 public:
  explicit ClockedDevice(std::vector<float>& heard) : heard_(heard) {}
  ~ClockedDevice() override { stop(); }

  void start(int sample_rate_hz, Source source) override {
    const auto n = static_cast<std::size_t>(sample_rate_hz / 100);
    thread_ = std::thread([this, n, source = std::move(source)] {
      std::vector<float> block(n);
      while (!stopping_.load()) {
        source(block);
        heard_.insert(heard_.end(), block.begin(), block.end());
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
  }
  void stop() override {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::vector<float>& heard_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// n different samples, the first is `first` / 2^15.
std::vector<float> ramp(std::size_t n, int first = 1) {
  std::vector<float> samples(n);
  std::iota(samples.begin(), samples.end(), static_cast<float>(first));
  for (float& sample : samples) sample /= 32768.0F;
  return samples;
}

struct Played {
  explicit Played(PlayerOptions options = {}) {
    auto owned = std::make_unique<ManualDevice>();
    device = owned.get();
    player = std::make_unique<Player>(std::move(owned), options);
  }
  ManualDevice* device;
  std::unique_ptr<Player> player;
};

TEST(SampleRing, HandsOutWhatItTook_RoundAfterRound) {
  SampleRing ring(7);
  std::vector<float> all;
  int next = 1;
  for (std::size_t round = 0; round < 40; ++round) {
    const std::vector<float> in = ramp(round % 6, next);
    const std::size_t room = ring.capacity() - ring.size();
    const std::size_t taken = ring.write(in);
    EXPECT_EQ(taken, std::min(room, in.size()));
    next += static_cast<int>(taken);
    std::vector<float> out(round % 5);
    const std::size_t n = ring.read(out);
    all.insert(all.end(), out.begin(),
               out.begin() + static_cast<std::ptrdiff_t>(n));
  }
  ASSERT_GT(all.size(), 50U);
  EXPECT_EQ(all, ramp(all.size()));
}

TEST(SampleRing, TwoThreads_LoseNothing) {
  SampleRing ring(64);
  constexpr std::size_t kCount = 20000;
  const std::vector<float> in = ramp(kCount);
  std::thread writer([&] {
    std::size_t done = 0;
    while (done < kCount) {
      const std::size_t n = std::min<std::size_t>(17, kCount - done);
      done += ring.write(std::span(in).subspan(done, n));
      std::this_thread::yield();
    }
  });
  std::vector<float> out;
  std::vector<float> block(23);
  while (out.size() < kCount) {
    const std::size_t n = ring.read(block);
    out.insert(out.end(), block.begin(),
               block.begin() + static_cast<std::ptrdiff_t>(n));
    if (n == 0) std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(out, in);
}

TEST(Player, FirstSamples_StartTheDeviceAtOnce) {
  Played test({.sample_rate = 24000});
  EXPECT_EQ(test.device->rate, 0);
  test.player->play(ramp(100));
  EXPECT_EQ(test.device->rate, 24000);
  EXPECT_EQ(test.device->pull(100), ramp(100));
}

TEST(Player, AllSamplesInOrder_ThenSilenceThatDoesNotCount) {
  Played test;
  test.player->play(ramp(1920));
  test.player->play(ramp(1920, 1921));
  test.player->end();
  std::vector<float> heard;
  for (int call = 0; call < 5; ++call) {
    EXPECT_EQ(test.player->wait(milliseconds(0)), call == 4);
    const std::vector<float> block = test.device->pull(1000);
    heard.insert(heard.end(), block.begin(), block.end());
  }
  EXPECT_TRUE(test.player->wait(milliseconds(0)));
  std::vector<float> expected = ramp(3840);
  expected.resize(5000, 0.0F);
  EXPECT_EQ(heard, expected);
  const PlaybackReport report = test.player->stop();
  EXPECT_TRUE(test.device->stopped);
  EXPECT_EQ(report.n_played, 3840);
  EXPECT_EQ(report.n_missing, 0);
  EXPECT_EQ(report.n_underruns, 0);
}

TEST(Player, Gaps_AreSilentAndCountedOnceEach) {
  Played test;
  test.player->play(ramp(100));
  EXPECT_EQ(test.device->pull(150).back(), 0.0F);
  (void)test.device->pull(50);  // the same gap
  test.player->play(ramp(100));
  (void)test.device->pull(100);
  (void)test.device->pull(30);  // the second one
  test.player->play(ramp(10));
  (void)test.device->pull(10);
  (void)test.device->pull(500);  // nothing follows
  const PlaybackReport report = test.player->stop();
  EXPECT_EQ(report.n_played, 210);
  EXPECT_EQ(report.n_missing, 130);
  EXPECT_EQ(report.n_underruns, 2);
}

TEST(Player, LoudSamples_AreHeld) {
  Played test;
  test.player->play(std::vector<float>{1.5F, -7.0F, 0.5F});
  EXPECT_EQ(test.device->pull(3), (std::vector<float>{1.0F, -1.0F, 0.5F}));
}

TEST(Player, FullBuffer_WaitsForTheDevice) {
  Played test({.sample_rate = 1000, .buffer = milliseconds(500)});
  std::atomic<bool> returned = false;
  const std::vector<float> samples = ramp(900);
  test.player->play(std::span(samples).first(500));
  std::thread maker([&] {
    test.player->play(std::span(samples).subspan(500));
    returned = true;
  });
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(returned);
  std::vector<float> heard;
  while (heard.size() < 900) {
    const std::vector<float> block = test.device->pull(1);
    if (block[0] != 0.0F) heard.push_back(block[0]);
  }
  maker.join();
  EXPECT_EQ(heard, samples);
}

TEST(Player, DeviceThatStopsAsking_IsAnError) {
  Played test({.sample_rate = 1000,
               .buffer = milliseconds(100),
               .patience = milliseconds(30)});
  try {
    test.player->play(ramp(200));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBackend);
  }
  test.player->end();
  EXPECT_THROW((void)test.player->wait(milliseconds(1000)), Error);
}

TEST(PlayerOptions, OutOfRange_IsRefusedByName) {
  for (const PlayerOptions& options :
       {PlayerOptions{.sample_rate = 0},
        PlayerOptions{.buffer = milliseconds(0)},
        PlayerOptions{.buffer = milliseconds(60001)},
        PlayerOptions{.patience = milliseconds(-1)}}) {
    EXPECT_THROW(options.validate(), Error);
  }
  EXPECT_NO_THROW(PlayerOptions().validate());
}

TEST(Player, NothingToPlay_IsDoneAtOnce) {
  Played test;
  test.player->end();
  EXPECT_TRUE(test.player->wait(milliseconds(0)));
  EXPECT_EQ(test.player->stop().n_played, 0);
}

TEST(Player, ClockedDevice_HearsEverySampleOnce) {
  std::vector<float> heard;
  Player player(std::make_unique<ClockedDevice>(heard),
                {.sample_rate = 24000, .buffer = milliseconds(200)});
  for (int frame = 0; frame < 10; ++frame) {
    player.play(ramp(1920, 1 + 1920 * frame));
  }
  player.end();
  ASSERT_TRUE(player.wait(milliseconds(60000)));
  const PlaybackReport report = player.stop();
  EXPECT_EQ(report.n_played, 19200);
  std::erase(heard, 0.0F);
  EXPECT_EQ(heard, ramp(19200));
}

TEST(OpenOutputDevice, WithoutOne_SaysSo) {
  try {
    EXPECT_NE(open_output_device(), nullptr);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(std::string(error.what()).rfind("[audio.play] expected ", 0), 0U);
  }
}

}  // namespace
}  // namespace csm::audio
