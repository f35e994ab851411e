#pragma once

#include <CLI/CLI.hpp>

namespace csm::cli {

// Each adds one command to the program. Its work runs from the command's
// callback and reports failure by csm::Error.
void add_generate(CLI::App& app);
void add_score(CLI::App& app);
void add_decode(CLI::App& app);
void add_encode(CLI::App& app);
void add_info(CLI::App& app);
void add_replay(CLI::App& app);
void add_tokens(CLI::App& app);
void add_bench(CLI::App& app);
void add_quantize(CLI::App& app);
void add_convert(CLI::App& app);
void add_voice(CLI::App& app);
void add_serve(CLI::App& app);
void add_pull(CLI::App& app);
void add_doctor(CLI::App& app);

}  // namespace csm::cli
