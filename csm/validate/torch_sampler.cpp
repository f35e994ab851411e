#include "csm/validate/torch_sampler.h"

#include <array>
#include <iomanip>
#include <string>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/process.h"
#include "csm/weights/npy.h"

namespace csm::validate {
namespace {

using sampling::CodecSafety;

std::vector<std::string> arguments(const TorchOracle& oracle,
                                   const LogitRows& rows,
                                   const sampling::SamplerOptions& options,
                                   int n_draws, std::uint64_t seed,
                                   const std::filesystem::path& folder) {
  std::vector<std::string> args = {
      oracle.script.string(),
      "--logits",
      (folder / "logits.npy").string(),
      "--out",
      (folder / "tokens.npy").string(),
      "--draws",
      str_cat(n_draws),
      "--seed",
      str_cat(seed),
      "--temperature",
      str_cat(std::setprecision(9), options.temperature),
      "--top-k",
      str_cat(options.top_k),
      "--sampler",
      sampling::to_string(options.kind)};
  if (options.codec_safety == CodecSafety::kMaskInvalid &&
      options.n_valid_codes < rows.vocab) {
    args.insert(args.end(), {"--valid-codes", str_cat(options.n_valid_codes)});
  }
  if (options.greedy) args.emplace_back("--greedy");
  return args;
}

std::vector<std::int32_t> draw(const TorchOracle& oracle, const LogitRows& rows,
                               const sampling::SamplerOptions& options,
                               int n_draws, std::uint64_t seed) {
  if (options.codec_safety == CodecSafety::kLegacyRange) {
    throw Error(ErrorCode::kUnsupported,
                "[validate.torch] expected codec safety torch or mask-invalid "
                "with --pytorch, got legacy-range");
  }
  oracle.check();
  const TempFolder folder;
  const std::array<std::int64_t, 2> shape = {rows.n_rows(), rows.vocab};
  weights::write_npy(folder.path() / "logits.npy", shape,
                     std::span<const float>(rows.data));
  const auto result = run_process(
      oracle.python.string(),
      arguments(oracle, rows, options, n_draws, seed, folder.path()));
  if (result.exit_status != 0) {
    throw Error(ErrorCode::kBackend,
                str_cat("[validate.torch] PyTorch ended with status ",
                        result.exit_status, ": ", result.last_error, " (",
                        oracle.python.string(), ")"));
  }
  auto tokens = weights::read_npy_i32(folder.path() / "tokens.npy");
  if (tokens.shape != std::vector<std::int64_t>{n_draws, rows.n_rows()}) {
    throw Error(ErrorCode::kBackend,
                "[validate.torch] expected codes [draws, rows] from PyTorch, "
                "got another shape");
  }
  return std::move(tokens.data);
}

}  // namespace

void TorchOracle::check() const {
  std::error_code failed;
  for (const auto& path : {python, script}) {
    if (std::filesystem::exists(path, failed)) continue;
    throw Error(ErrorCode::kNotFound,
                str_cat("[validate.torch] expected live PyTorch, got no '",
                        path.string(),
                        "'; scripts/setup --oracle installs it, "
                        "--python names another"));
  }
}

DrawCodes torch_sampler(TorchOracle oracle) {
  return [oracle = std::move(oracle)](const LogitRows& rows,
                                      const sampling::SamplerOptions& options,
                                      int n_draws, std::uint64_t seed) {
    return draw(oracle, rows, options, n_draws, seed);
  };
}

}  // namespace csm::validate
