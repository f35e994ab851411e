#include "csm/server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace csm::server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Edges = Histogram::BucketBoundaries;

const Edges kFrameEdges = {0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05,
                           0.06,  0.08,  0.1,  0.2,   0.5,  1,    2};
const Edges kFirstAudioEdges = {0.02, 0.05, 0.1, 0.15, 0.2, 0.3,
                                0.5,  0.75, 1,   2,    5,   10};
const Edges kFactorEdges = {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5,
                            0.7,  0.8,  0.9,  1,   1.2, 1.5, 2};
const Edges kUnderrunEdges = {0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5};
const Edges kBatchEdges = {1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64};

// Silences that listeners do not mind, in seconds.
constexpr std::pair<double, const char*> kContinuity[] = {
    {0.05, "0.05"}, {0.1, "0.1"}, {0.2, "0.2"}};

Family<Counter>& counters(prometheus::Registry& registry, const char* name,
                          const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Gauge& gauge(prometheus::Registry& registry, const char* name,
             const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
      {});
}

Histogram& histogram(prometheus::Registry& registry, const char* name,
                     const char* help, const Edges& edges) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({}, edges);
}

}  // namespace

struct Metrics::Parts {
  prometheus::Registry registry;
  Family<Counter>& requests =
      counters(registry, "csm_requests_total", "Requests that were answered");
  Family<Counter>& streams =
      counters(registry, "csm_streams_total", "Streams that have ended");
  Family<Counter>& continuity =
      counters(registry, "csm_audio_continuity_ok_total",
               "Streams without a silence longer than the threshold, seconds");
  Counter& frames =
      counters(registry, "csm_frames_total", "Frames that were spoken").Add({});
  Counter& positions = counters(registry, "csm_prompt_positions_total",
                                "Positions of prompts that were read")
                           .Add({});
  Counter& sound = counters(registry, "csm_audio_seconds_total",
                            "Sound that was given to listeners")
                       .Add({});
  Gauge& active =
      gauge(registry, "csm_streams_active", "Streams that speak or wait");
  Gauge& queued = gauge(registry, "csm_streams_queued",
                        "Streams of these that wait for their first frame");
  Gauge& connections =
      gauge(registry, "csm_connections", "Connections that are open");
  Histogram& frame = histogram(registry, "csm_frame_seconds",
                               "Duration of a step of the engine, which "
                               "speaks a frame of every stream in its batch",
                               kFrameEdges);
  Histogram& batch =
      histogram(registry, "csm_batch_size", "Streams of a step", kBatchEdges);
  Histogram& first_audio = histogram(
      registry, "csm_audio_ttfp_seconds",
      "From a request's arrival to its first sound", kFirstAudioEdges);
  Histogram& factor = histogram(
      registry, "csm_audio_rtf",
      "Duration of making a stream's sound in that of the sound", kFactorEdges);
  Histogram& underrun = histogram(
      registry, "csm_audio_underrun_seconds",
      "Silence that a listener met because sound came late", kUnderrunEdges);
};

Metrics::Metrics() : parts_(new Parts) {}

Metrics::~Metrics() = default;

void Metrics::on_step(int n_rows, int n_positions, double seconds) {
  parts_->frame.Observe(seconds);
  parts_->batch.Observe(n_rows);
  parts_->frames.Increment(n_rows);
  parts_->positions.Increment(n_positions);
}

void Metrics::on_streams(int n_streams, int n_silent) {
  parts_->active.Set(n_streams);
  parts_->queued.Set(n_silent);
}

void Metrics::on_connections(int n_connections) {
  parts_->connections.Set(n_connections);
}

void Metrics::on_request(const std::string& route, int status) {
  parts_->requests.Add({{"route", route}, {"status", std::to_string(status)}})
      .Increment();
}

void Metrics::on_stream(const StreamCount& stream) {
  parts_->streams.Add({{"outcome", stream.outcome}}).Increment();
  parts_->sound.Increment(stream.sound_seconds);
  if (!stream.plays || stream.sound_seconds <= 0) return;
  parts_->first_audio.Observe(stream.first_audio_seconds);
  parts_->factor.Observe(stream.seconds / stream.sound_seconds);
  parts_->underrun.Observe(stream.underrun_seconds);
  for (const auto& [seconds, name] : kContinuity) {
    if (stream.longest_underrun > seconds) continue;
    parts_->continuity.Add({{"threshold", name}}).Increment();
  }
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(parts_->registry.Collect());
}

}  // namespace csm::server
