#pragma once

#include <CLI/CLI.hpp>

namespace csm::cli {

// The subcommands of `csm tokens`; each adds itself to it.
void add_tokens_draw(CLI::App& tokens);
void add_tokens_compare(CLI::App& tokens);
void add_tokens_tests(CLI::App& tokens);  // quick, sweep, detailed, all

}  // namespace csm::cli
