#include <CLI/CLI.hpp>
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/console.h"
#include "cli/tokens.h"
#include "cli/tokens_options.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/logit_rows.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

constexpr std::int64_t kMaxCodes = std::int64_t{1} << 30;

struct DrawArguments {
  TokenSampling sampling;
  std::string logits;
  std::string out;
  std::string rng = "torch-cpu";
  int draws = 1;
  int valid_codes = 0;
};

void run_draw(const DrawArguments& arguments) {
  const sampling::Rng rng = rng_option(arguments.rng);
  const auto rows = read_logits(arguments.logits, arguments.valid_codes);
  const auto options = arguments.sampling.resolve(rows.n_valid_codes);
  const std::int64_t n_codes = std::int64_t{arguments.draws} * rows.n_rows();
  if (n_codes > kMaxCodes) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[cli.tokens] expected at most ", kMaxCodes,
                        " codes, got ", arguments.draws, " draws of ",
                        rows.n_rows(), " rows (--draws)"));
  }
  Progress progress;
  const auto codes = validate::draw_with_csm(
      rows, options, rng, arguments.draws, arguments.sampling.seed,
      [&](int done) {
        progress.show(str_cat("drawing: ", done, " of ", arguments.draws));
      });
  progress.clear();
  const std::array<std::int64_t, 2> shape = {arguments.draws, rows.n_rows()};
  weights::write_npy(arguments.out, shape, codes);
  say(str_cat(arguments.out, ": ", arguments.draws, " draws of ", rows.n_rows(),
              " rows"));
}

}  // namespace

void add_tokens_draw(CLI::App& tokens) {
  const auto arguments = std::make_shared<DrawArguments>();
  CLI::App* command = tokens.add_subcommand(
      "draw",
      "Draw codes from logits: one sampling call over all rows for each draw, "
      "from one generator that is seeded once");
  command
      ->add_option("--logits", arguments->logits,
                   "Logits as .npy, float32 [codes] or [rows, codes]")
      ->required();
  command->add_option("--draws", arguments->draws, "Sampling calls")
      ->check(CLI::Range(1, 1 << 30))
      ->required();
  command
      ->add_option("--out", arguments->out,
                   "Codes as .npy, int32 [draws, rows]")
      ->required();
  command
      ->add_option("--rng", arguments->rng,
                   "Random numbers of torch-cpu, torch-cpu-mkl or torch-cuda")
      ->capture_default_str();
  command
      ->add_option("--valid-codes", arguments->valid_codes,
                   "Codes that the codec can decode, for --codec-safety "
                   "(default: all)")
      ->check(CLI::Range(1, 1 << 30));
  arguments->sampling.add_to(*command);
  command->callback([arguments] { run_draw(*arguments); });
}

}  // namespace csm::cli
