#include "cli/codes_file.h"

#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/npy.h"
#include "csm/weights/safetensors.h"

namespace csm::cli {
namespace {

bool is_packed(const std::string& path) { return path.ends_with(".csmc"); }

}  // namespace

void CodesFile::check(const engine::ModelFacts& facts, int n_codebooks) const {
  if (shape.size() != 2 || shape[0] < 1 || shape[1] != n_codebooks) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli] expected codes of shape [frames, ", n_codebooks,
                        "], got ", weights::to_string(shape), " (", name, ")"));
  }
  if (format && (format->sample_rate != facts.sample_rate_hz ||
                 format->samples_per_frame != facts.samples_per_frame)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli] expected codes of ", facts.samples_per_frame,
                        " samples at ", facts.sample_rate_hz, " Hz, got ",
                        format->samples_per_frame, " at ", format->sample_rate,
                        " Hz (", name, ")"));
  }
}

CodesFile read_codes(const std::string& path) {
  if (!is_packed(path)) {
    auto array = weights::read_npy_i32(path);
    return {.name = path,
            .shape = std::move(array.shape),
            .codes = std::move(array.data),
            .format = std::nullopt};
  }
  auto packed = codec::read_packed_codes(path);
  const std::int64_t n_codebooks = packed.format.n_codebooks;
  const auto n_codes = static_cast<std::int64_t>(packed.codes.size());
  return {.name = path,
          .shape = {n_codes / n_codebooks, n_codebooks},
          .codes = std::move(packed.codes),
          .format = packed.format};
}

std::vector<std::int32_t> read_codes_for(const engine::ModelFacts& facts,
                                         const std::string& path) {
  CodesFile file = read_codes(path);
  file.check(facts, facts.n_codebooks);
  return std::move(file.codes);
}

void write_codes(const std::string& path, const engine::ModelFacts& facts,
                 int n_codebooks, std::span<const std::int32_t> codes) {
  if (is_packed(path)) {
    codec::write_packed_codes(path,
                              {.n_codebooks = n_codebooks,
                               .sample_rate = facts.sample_rate_hz,
                               .samples_per_frame = facts.samples_per_frame},
                              codes);
    return;
  }
  const std::int64_t shape[] = {
      static_cast<std::int64_t>(codes.size()) / n_codebooks, n_codebooks};
  weights::write_npy(path, shape, codes);
}

}  // namespace csm::cli
