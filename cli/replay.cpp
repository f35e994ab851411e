#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/receipt.h"
#include "cli/speech.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/model_source.h"
#include "csm/weights/model_digest.h"

namespace csm::cli {
namespace {

struct ReplayArguments {
  ModelOptions model;
  std::string receipt;
};

[[noreturn]] void differs(const std::string& how) {
  throw Error(ErrorCode::kCorrupt, "[cli.replay] the speech differs: " + how);
}

// The first frame in which two receipts part.
std::string divergence(const Receipt& before, const Receipt& now) {
  const auto [first, second] =
      std::mismatch(before.frames.begin(), before.frames.end(),
                    now.frames.begin(), now.frames.end());
  return str_cat("expected ", before.frames.size(), " frames, got ",
                 now.frames.size(), "; the first other frame is ",
                 first - before.frames.begin());
}

void run_replay(const ReplayArguments& arguments) {
  const Receipt before = read_receipt(arguments.receipt);
  engine::EngineOptions model = arguments.model.resolve();
  model.weight_type = before.weight_type;
  const std::string digest = engine::digest_of(model.files());
  if (digest != before.weights_sha256) {
    differs(str_cat("expected the model with digest ",
                    before.weights_sha256.substr(0, 16), ", got ",
                    digest.substr(0, 16), " (", model.model_dir.string(), ")"));
  }
  const Speech speech = speak(model, before.utterance, before.options);
  const Receipt now =
      make_receipt(model, before.utterance, before.options, speech);
  if (now.codes_sha256 != before.codes_sha256) {
    differs(divergence(before, now));
  }
  say(str_cat(arguments.receipt, ": the same ", now.frames.size(),
              " frames, codes ", now.codes_sha256.substr(0, 16)));
}

}  // namespace

void add_replay(CLI::App& app) {
  const auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = app.add_subcommand(
      "replay",
      "Speak again what a receipt tells and compare. Exit status 1 if any "
      "code differs");
  command
      ->add_option("receipt", arguments->receipt,
                   "File that csm generate --receipt wrote")
      ->required();
  arguments->model.add_place_to(*command);
  command->callback([arguments] { run_replay(*arguments); });
}

}  // namespace csm::cli
