#include "cli/resume_options.h"

#include "cli/console.h"
#include "csm/base/str_cat.h"

namespace csm::cli {

std::vector<std::int32_t> Resumption::codes(
    const engine::ModelFacts& facts) const {
  file.check(facts, facts.n_codebooks);
  const std::int64_t n = n_frames.value_or(file.n_frames());
  if (n > file.n_frames()) {
    throw UsageError(str_cat("--resume-frame: expected at most ",
                             file.n_frames(), ", the frames of ", file.name,
                             ", got ", n));
  }
  return {file.codes.begin(), file.codes.begin() + n * facts.n_codebooks};
}

void ResumeOptions::add_to(CLI::App& command) {
  command.add_option("--resume-from", file,
                     "Begin with these codes (.npy or .csmc) of a run with the "
                     "same text, seed and settings, and go on as it did");
  command
      .add_option("--resume-frame", n_frames,
                  "How many frames of --resume-from to keep (default: all)")
      ->check(CLI::NonNegativeNumber);
}

std::optional<Resumption> ResumeOptions::load() const {
  if (file.empty()) {
    if (n_frames) throw UsageError("--resume-frame goes with --resume-from");
    return std::nullopt;
  }
  return Resumption{.file = read_codes(file), .n_frames = n_frames};
}

}  // namespace csm::cli
