#include "csm/validate/sweep_state.h"

#include <utility>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/validate/setting.h"

namespace csm::validate {
namespace {

// Of the format and the metrics; another number makes old states foreign.
constexpr int kVersion = 1;

}  // namespace

SweepState::SweepState(std::filesystem::path path, std::string fingerprint,
                       bool restart)
    : path_(std::move(path)), fingerprint_(std::move(fingerprint)) {
  if (!restart && std::filesystem::exists(path_)) read();
}

void SweepState::read() {
  const Json json = parse_json_file(path_);
  const JsonObject state(json, path_.string());
  if (state.string("fingerprint") != fingerprint_) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[validate.sweep] expected the state of this sweep, "
                        "got another's; --restart replaces it (",
                        path_.string(), ")"));
  }
  if (!state.has("cells") || !json["cells"].is_array()) {
    state.fail("cells", "an array");
  }
  for (const Json& cell : json["cells"]) {
    const JsonObject object(cell, path_.string());
    (void)object.number("temperature", 0, 1e9);
    (void)object.integer("top_k", 1, 1 << 30);
    cells_.push_back(OrderedJson::parse(cell.dump()));
  }
}

const OrderedJson* SweepState::find(double temperature, int top_k) const {
  const Setting wanted = {.temperature = temperature, .top_k = top_k};
  for (const OrderedJson& cell : cells_) {
    if (same_setting(setting_of(cell), wanted)) return &cell;
  }
  return nullptr;
}

void SweepState::add(OrderedJson cell) {
  cells_.push_back(std::move(cell));
  const OrderedJson state = {{"fingerprint", fingerprint_}, {"cells", cells_}};
  write_file_atomically(path_, state.dump(1) + "\n");
}

std::string sweep_fingerprint(const LogitRows& rows,
                              const sampling::SamplerOptions& options,
                              const MeasureOptions& measure) {
  auto grid_free = options;
  grid_free.temperature = 1.0F;
  grid_free.top_k = 1;
  const std::string text = str_cat(
      "version=", kVersion, " ", grid_free.to_string(), " rows=", rows.n_frames,
      "x", rows.n_codebooks, "x", rows.vocab, " valid=", rows.n_valid_codes,
      " draws=", measure.n_draws, " seed=", measure.seed,
      " permutations=", measure.n_permutations,
      " logits=", sha256_hex(std::as_bytes(std::span<const float>(rows.data))));
  return sha256_hex(std::as_bytes(std::span<const char>(text)));
}

}  // namespace csm::validate
