#include "cli/doctor_report.h"

#include <algorithm>
#include <set>

#include "cli/model_path.h"
#include "csm/base/cpu_info.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/memory_info.h"
#include "csm/base/thread_pool.h"
#include "csm/codec/mimi_config.h"
#include "csm/engine/random_model.h"
#include "csm/hub/cache.h"
#include "csm/hub/pull.h"
#include "csm/kernels/isa.h"
#include "csm/kernels/machine_probe.h"
#include "csm/model/model_config.h"

namespace csm::cli {
namespace {

using engine::WeightType;

constexpr double kProbeSeconds = 0.1;
constexpr double kFrameSeconds = 0.08;
// Of docs/performance.md: whole models read at 0.85 to 1.06 of the bandwidth,
// and a layer's primitives cost about 6 us each between their neighbours.
constexpr double kShareOfBandwidth = 0.95;
constexpr double kLayerSeconds = 45e-6;
// Speech that is to be heard while it is made needs some room.
constexpr double kInTime = 0.8;

std::vector<MachineSpeed> measure_speeds() {
  const Isa isa = kernels::kernel_isa();
  const int cpus = usable_cpus();
  std::vector<MachineSpeed> out;
  for (const int threads : std::set{1, (cpus + 1) / 2, cpus}) {
    ThreadPool pool(threads);
    kernels::BandwidthProbe probe(pool, isa);
    out.push_back(
        {.threads = threads,
         .bandwidth = probe.measure(kProbeSeconds),
         .float_peak = kernels::fma_peak(pool, isa),
         .int8_peak = kernels::dot_peak(pool, kernels::WeightType::kInt8, isa),
         .int4_peak =
             kernels::dot_peak(pool, kernels::WeightType::kInt4, isa)});
  }
  return out;
}

std::string whole_name(const std::string& id, const std::string& revision) {
  return revision == "main" ? id : id + "@" + revision;
}

// Models that can be opened; a cache holds other models, too.
void add_if_model(const std::string& name, const std::filesystem::path& path,
                  std::vector<FoundModel>& out) {
  try {
    (void)engine::stored_weight_type({.model = path});
    out.push_back({name, path.string()});
  } catch (const Error&) {
    // Not one of ours: `csm info` says why.
  }
}

std::vector<FoundModel> find_models() {
  std::vector<FoundModel> out;
  add_if_model("demo", resolve_model(""), out);
  const hub::Settings settings = hub::settings_from_environment();
  for (const auto& [id, revisions] : hub::cached_repositories(settings.cache)) {
    for (const std::string& revision : revisions) {
      const auto name = whole_name(id, revision);
      const auto repository = hub::parse_repository(name);
      if (!repository) continue;
      try {
        const auto found = hub::find_pulled(settings, *repository);
        if (found) add_if_model(name, found->model, out);
      } catch (const Error&) {
        // Several files of weights: none is meant by the name alone.
      }
    }
  }
  return out;
}

// A model whose speed is foretold, and how finely its weights are stored.
struct Shape {
  std::string name;
  model::ModelConfig config;
  codec::MimiConfig codec;
  std::vector<WeightType> types;

  [[nodiscard]] std::int64_t n_layers() const {
    return config.backbone.n_layers +
           std::int64_t{config.n_codebooks - 1} * config.depth.n_layers +
           codec.transformer.n_layers;
  }
};

Shape shape_of(const std::string& name, std::vector<WeightType> types) {
  const Json json = engine::random_model_config(name);
  const JsonObject object(json, name);
  return {.name = name,
          .config = model::ModelConfig::parse(object),
          .codec = codec::MimiConfig::parse(object.object("codec_config")),
          .types = std::move(types)};
}

Expectation expect(const Shape& shape, WeightType type,
                   const DoctorReport& report) {
  constexpr double kEqual = 0.95;
  Expectation out{
      .type = type,
      .memory = engine::expected_memory(shape.config, shape.codec, type),
      .fits = {},
      .threads = report.cpus,
      .frame = {},
      .rtf = {}};
  if (report.free_memory) {
    out.fits = out.memory <= static_cast<std::int64_t>(*report.free_memory);
  }
  const auto cost = engine::expected_cost(shape.config, shape.codec, type);
  for (const MachineSpeed& speed : report.speeds) {
    const double frame = expected_frame(cost, shape.n_layers(), type, speed);
    if (out.frame && frame > kEqual * *out.frame) continue;
    out.frame = frame;
    out.rtf = frame / kFrameSeconds;
    out.threads = speed.threads;
  }
  return out;
}

// The finest type that is in time, else the fastest.
std::optional<std::size_t> best_of(const std::vector<Expectation>& types) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (!types[i].fits.value_or(true)) continue;
    const double rtf = types[i].rtf.value_or(0);
    if (rtf <= kInTime) return i;
    if (!best || rtf < types[*best].rtf.value_or(0)) best = i;
  }
  return best;
}

}  // namespace

double MachineSpeed::peak(WeightType type) const {
  switch (type) {
    case WeightType::kInt8:
      return int8_peak;
    case WeightType::kInt4:
      return int4_peak;
    case WeightType::kF32:
    case WeightType::kBf16:
      break;
  }
  return float_peak;
}

double expected_frame(const engine::ModelCost& cost, std::int64_t n_layers,
                      WeightType type, const MachineSpeed& speed) {
  const auto stage = [](std::int64_t bytes, std::int64_t macs, double bandwidth,
                        double peak) {
    return std::max(static_cast<double>(bytes) / bandwidth,
                    2 * static_cast<double>(macs) / peak);
  };
  const double bandwidth = kShareOfBandwidth * speed.bandwidth;
  return stage(cost.step_bytes(1), cost.backbone_macs + cost.depth_macs,
               bandwidth, speed.peak(type)) +
         stage(cost.codec_bytes, cost.codec_macs, bandwidth, speed.float_peak) +
         static_cast<double>(n_layers) * kLayerSeconds;
}

DoctorReport examine() {
  DoctorReport out{.isa = to_string(kernels::kernel_isa()),
                   .isas = {},
                   .cpus = usable_cpus(),
                   .free_memory = available_memory(),
                   .backend = engine::find_backend(),
                   .loudspeakers = {},
                   .no_loudspeaker = {},
                   .models = find_models(),
                   .speeds = {},
                   .not_measured = {},
                   .advice = {}};
  for (const Isa isa : available_isas()) out.isas.emplace_back(to_string(isa));
  try {
    out.loudspeakers = audio::list_output_devices();
    if (out.loudspeakers.empty()) out.no_loudspeaker = "no device";
  } catch (const Error& error) {
    out.no_loudspeaker = error.what();
  }
  constexpr std::uint64_t kProbeMemory = 2ULL << 30U;
  if (out.free_memory.value_or(kProbeMemory) < kProbeMemory) {
    out.not_measured = "less than 2 GB of memory free";
  } else {
    out.speeds = measure_speeds();
  }
  using enum WeightType;
  for (const Shape& shape : {shape_of("csm-1b", {kBf16, kInt8, kInt4}),
                             shape_of("demo", {kF32, kBf16, kInt8, kInt4})}) {
    Advice advice{.model = shape.name, .types = {}, .best = {}};
    for (const WeightType type : shape.types) {
      advice.types.push_back(expect(shape, type, out));
    }
    advice.best = best_of(advice.types);
    out.advice.push_back(std::move(advice));
  }
  return out;
}

}  // namespace csm::cli
