#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/codes_file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/text_source.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

struct ScoreArguments {
  ModelOptions model;
  TextSource source;
  std::string tokens;
  std::string logits_out;
};

void run_score(const ScoreArguments& arguments) {
  const engine::Utterance utterance = arguments.source.read();
  const CodesFile file = read_codes(arguments.tokens);
  engine::Engine engine(arguments.model.resolve());
  const engine::ModelFacts& facts = engine.facts();
  file.check(facts, facts.n_codebooks);
  const auto logits = engine.score(utterance, file.codes);
  const std::int64_t shape[] = {file.n_frames(), facts.n_codebooks,
                                facts.n_codes};
  weights::write_npy(arguments.logits_out, shape, logits);
  say(str_cat(arguments.logits_out, ": logits of ", file.n_frames(),
              " frames"));
}

}  // namespace

void add_score(CLI::App& app) {
  const auto arguments = std::make_shared<ScoreArguments>();
  CLI::App* command = app.add_subcommand(
      "score", "Logits of given codes after a text (teacher forcing)");
  arguments->source.add_to(*command);
  arguments->model.add_to(*command);
  command
      ->add_option("--tokens", arguments->tokens,
                   "Codes as .npy, int32 [frames, codebooks], or .csmc")
      ->required();
  command
      ->add_option("--logits-out", arguments->logits_out,
                   "Logits as .npy, float32 [frames, codebooks, codes]")
      ->required();
  command->callback([arguments] { run_score(*arguments); });
}

}  // namespace csm::cli
