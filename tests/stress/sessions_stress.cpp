// Ten clients, each in a thread of its own, start sessions of one engine, hear
// them and cancel them at random, while the engine steps random batches of
// them.
//
//   sessions_stress SECONDS MODEL|tiny
//
// Exit status 1 if a session said anything else than it says alone, failed, or
// left memory behind.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"
#include "tests/stress/desk.h"
#include "tests/stress/memory_level.h"

namespace csm::stress {
namespace {

using engine::testing_engine::Speech;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 10;
constexpr int kRequests = 12;
constexpr int kMaxFrames = 25;

// Something to say, and how it sounds alone.
struct Request {
  engine::Prompt prompt;
  engine::GenerationOptions options;
  Speech expected;
};

struct Counts {
  std::atomic<int> ended = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int> dropped = 0;
  std::atomic<int> wrong = 0;
  std::atomic<std::int64_t> frames = 0;
};

engine::EngineOptions engine_options(const std::string& model) {
  engine::EngineOptions options;
  if (model == "tiny") {
    options.random_weights = "tiny";
  } else {
    options.model_dir = model;
  }
  options.threads = 2;
  return options;
}

// Prompts of all lengths; every third hears another one first.
engine::Prompt make_prompt(engine::Engine& engine, bool has_text, int i,
                           const std::vector<Request>& before) {
  if (!has_text) {
    engine::Prompt prompt;
    std::vector<std::int32_t> ids;
    for (int id = 0; id < 1 + i * 5 % 12; ++id)
      ids.push_back((id * 7 + i) % 50);
    prompt.add_text(std::move(ids));
    return prompt;
  }
  const engine::Utterance utterance = {
      .speaker = i % 2,
      .text = std::string("We counted to ") + std::to_string(i * 37) +
              (i % 4 == 0 ? "." : ", and then we went home again.")};
  std::vector<engine::Segment> context;
  if (i % 3 == 2) {
    engine::Segment segment;
    segment.utterance.text = "Good morning.";
    segment.codes = before.back().expected.codes;
    context.push_back(std::move(segment));
  }
  return engine.make_prompt(utterance, context);
}

std::vector<Request> make_requests(engine::Engine& engine, bool has_text) {
  std::vector<Request> all;
  for (int i = 0; i < kRequests; ++i) {
    Request request = {.prompt = make_prompt(engine, has_text, i, all),
                       .options = {},
                       .expected = {}};
    engine::GenerationOptions& options = request.options;
    options.seed = static_cast<std::uint64_t>(900 + i);
    options.greedy = i == 4;
    options.top_k = std::min(options.top_k, engine.facts().n_codes);
    options.temperature = 0.6F + 0.05F * static_cast<float>(i);
    options.max_audio_ms = 80 * (kMaxFrames - i);
    options.stop_at_end = i % 2 == 0;
    engine::Session session = engine.start_prompt(request.prompt, options);
    request.expected = engine::testing_engine::speak_all(session);
    all.push_back(std::move(request));
  }
  return all;
}

template <class T>
bool begins_with(const std::vector<T>& all, const std::vector<T>& beginning) {
  return beginning.size() <= all.size() &&
         std::equal(beginning.begin(), beginning.end(), all.begin());
}

// Looks at what a session said, given how it ended.
void judge(const Ticket& ticket, const Speech& expected, Counts& counts) {
  const Speech& speech = ticket.speech();
  const auto reason = ticket.reason();
  const bool whole = reason == engine::StopReason::kEos ||
                     reason == engine::StopReason::kLength;
  const bool right = !ticket.failed() &&
                     begins_with(expected.codes, speech.codes) &&
                     begins_with(expected.audio, speech.audio) &&
                     (!whole || speech == expected);
  if (!right) ++counts.wrong;
  ++(whole ? counts.ended : reason ? counts.cancelled : counts.dropped);
}

// One client: sessions one after the other until the time is over.
void visit(Desk& desk, const std::vector<Request>& requests, unsigned seed,
           Clock::time_point until, Counts& counts) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  while (Clock::now() < until) {
    const auto ticket = std::make_shared<Ticket>(below(requests.size()));
    desk.submit(ticket);
    switch (below(4)) {
      case 0:  // hears it all
        break;
      case 1:  // hangs up while it may not have begun
        if (below(2) == 0) std::this_thread::yield();
        ticket->cancel();
        break;
      case 2:
        ticket->wait_for_frames(below(kMaxFrames));
        ticket->cancel();
        break;
      default:
        ticket->wait_for_frames(below(kMaxFrames));
        ticket->drop();
        break;
    }
    ticket->wait_for_end();
    judge(*ticket, requests[ticket->request()].expected, counts);
  }
  desk.leave();
}

// One step of some of the sessions, at least one; those that ended are gone.
void step_some(engine::Engine& engine, std::mt19937& random,
               std::vector<std::shared_ptr<Ticket>>& live, Counts& counts) {
  std::shuffle(live.begin(), live.end(), random);
  const auto n = static_cast<std::ptrdiff_t>(1 + random() % live.size());
  std::vector<engine::Session*> batch;
  std::for_each(live.begin(), live.begin() + n, [&](const auto& ticket) {
    batch.push_back(ticket->session());
  });
  const auto results = engine.step(batch);
  for (std::size_t i = 0; i < results.size(); ++i) {
    Ticket& ticket = *live[i];
    if (results[i].frame) {
      ++counts.frames;
      ticket.take(*results[i].frame);
    }
    const bool over = !results[i].frame || ticket.is_dropped();
    if (!over) continue;
    ticket.end(results[i].error.has_value());
    live[i].reset();
  }
  std::erase(live, nullptr);
}

// Clients come and go for a while; all sessions are gone afterwards.
void run(engine::Engine& engine, const std::vector<Request>& requests,
         double seconds, unsigned seed, Counts& counts) {
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
  Desk desk;
  desk.open(kClients);
  std::vector<std::thread> clients;
  for (unsigned i = 0; i < kClients; ++i) {
    clients.emplace_back(
        [&, i] { visit(desk, requests, seed + i, until, counts); });
  }
  std::mt19937 random(seed);
  std::vector<std::shared_ptr<Ticket>> live;
  while (!desk.deserted() || !live.empty()) {
    for (auto& ticket : desk.collect(live.empty())) {
      const Request& request = requests[ticket->request()];
      ticket->begin(engine.start_prompt(request.prompt, request.options));
      live.push_back(std::move(ticket));
    }
    if (!live.empty()) step_some(engine, random, live, counts);
  }
  for (std::thread& client : clients) client.join();
}

void print_level(const char* when, const MemoryLevel& level) {
  const auto kib = [](std::int64_t bytes) {
    return static_cast<long long>(bytes / 1024);
  };
  std::printf("%-14s heap %lld KiB, resident %lld KiB\n", when, kib(level.heap),
              kib(level.resident));
}

int stress(double seconds, const std::string& model) {
  engine::Engine engine(engine_options(model));
  const std::vector<Request> requests = make_requests(engine, model != "tiny");
  Counts counts;
  run(engine, requests, seconds / 4, 1, counts);
  const MemoryLevel warm = memory_level();
  run(engine, requests, seconds * 3 / 4, 1000, counts);
  const MemoryLevel end = memory_level();

  std::printf(
      "%d sessions ended, %d cancelled, %d dropped; %lld frames, %d "
      "sessions wrong\n",
      counts.ended.load(), counts.cancelled.load(), counts.dropped.load(),
      static_cast<long long>(counts.frames.load()), counts.wrong.load());
  print_level("after warm-up:", warm);
  print_level("at the end:", end);
  const std::string grown = growth(warm, end);
  if (!grown.empty()) std::printf("memory: %s\n", grown.c_str());
  const bool tried = counts.ended > 0 && counts.cancelled > 0;
  return tried && counts.wrong == 0 && grown.empty() ? 0 : 1;
}

}  // namespace
}  // namespace csm::stress

int main(int argc, char** argv) {
  const double seconds = argc == 3 ? std::atof(argv[1]) : 0;
  if (seconds <= 0) {
    std::fprintf(stderr, "usage: sessions_stress SECONDS MODEL|tiny\n");
    return 2;
  }
  try {
    return csm::stress::stress(seconds, argv[2]);
  } catch (const csm::Error& error) {
    std::fprintf(stderr, "sessions_stress: %s\n", error.what());
    return 1;
  }
}
