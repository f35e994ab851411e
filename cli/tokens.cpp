#include "cli/tokens.h"

#include "cli/commands.h"

namespace csm::cli {

void add_tokens(CLI::App& app) {
  CLI::App* tokens = app.add_subcommand(
      "tokens", "Test that codes are drawn as PyTorch draws them");
  tokens->require_subcommand(1);
  add_tokens_draw(*tokens);
  add_tokens_compare(*tokens);
  add_tokens_tests(*tokens);
}

}  // namespace csm::cli
